// What both drivers in JavaScript share: reading what is asked, telling what came.
import { createInterface } from 'node:readline'

const input = createInterface({ input: process.stdin })

/** The addresses and the sessions, from the first line. */
export const asked = await new Promise(resolve => input.once('line', line => resolve(JSON.parse(line))))
input.once('close', () => process.exit(0))

export const tell = (session, what) => process.stdout.write(JSON.stringify({ session: session.name, ...what }) + '\n')

/** Tells of a command as the client decoded it. */
export const tellCommand = (session, command) => {
  if (!command.cmd.startsWith('DANMU_MSG')) {
    tell(session, { command: command.cmd })
    return
  }
  const { id_str: id } = JSON.parse(command.info[0][15].extra)
  tell(session, { command: command.cmd, id, text: command.info[1] })
}

process.on('uncaughtException', error => {
  for (const session of asked.sessions) tell(session, { error: String(error.stack) })
  process.exit(1)
})
