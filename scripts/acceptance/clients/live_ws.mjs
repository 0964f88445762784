// bilibili-live-ws (https://github.com/simon300000/bilibili-live-ws): decodes zlib and brotli
// over tcp, ws and wss. It wants the token from its user.
import { LiveTCP, LiveWS } from 'bilibili-live-ws'
import { asked, tell, tellCommand } from './driver.mjs'

for (const session of asked.sessions) {
  const { room, transport, version: protover, uid, buvid, key } = session
  const options = { protover, uid, buvid, key }
  let client
  if (transport === 'tcp') {
    const [host, port] = asked.tcp.split(':')
    client = new LiveTCP(room, { ...options, host, port: Number(port) })
  } else {
    client = new LiveWS(room, { ...options, address: asked[transport] })
  }
  client.on('live', () => tell(session, { joined: true }))
  client.on('heartbeat', value => tell(session, Number.isInteger(value) ? { heartbeat: value } : { error: `heartbeat ${value}` }))
  client.on('msg', command => tellCommand(session, command))
  client.on('close', () => tell(session, { ended: true }))
  client.on('error', error => tell(session, { error: String(error) }))
}
