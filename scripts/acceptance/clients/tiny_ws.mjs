// tiny-bilibili-ws (https://github.com/starknt/tiny-bilibili-ws): asks for room and token
// itself, with a signature of its own. It can only ask the service's hosts by https: what
// goes there is led to the simulator. Its WebSockets use the same functions of Node.
import http from 'node:http'
import https from 'node:https'
import { KeepLiveTCP, KeepLiveWS } from 'tiny-bilibili-ws'
import { asked, tell, tellCommand } from './driver.mjs'

const simulator = new URL(asked.http)
const { get, request } = https
const ofService = hostname => /^api\.(live\.)?bilibili\.com$/.test(hostname)
https.get = (to, options, done) => {
  if (typeof to !== 'string' || !ofService(new URL(to).hostname)) return get(to, options, done)
  const { pathname, search } = new URL(to)
  return http.get(new URL(pathname + search, simulator), options, done)
}
https.request = (options, done) => {
  if (!ofService(options.hostname)) return request(options, done)
  return http.request({ ...options, hostname: simulator.hostname, port: simulator.port }, done)
}

const agent = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36'

for (const session of asked.sessions) {
  const { room, transport, version: protover, uid, buvid, cookie } = session
  const options = { protover, uid, buvid, keepalive: false, headers: { 'User-Agent': agent, Cookie: cookie } }
  let client
  if (transport === 'tcp') {
    client = new KeepLiveTCP(room, options)
  } else {
    const { hostname: host, port } = new URL(asked[transport])
    client = new KeepLiveWS(room, { ...options, ssl: transport === 'wss', host, port: Number(port) })
  }
  client.on('live', () => tell(session, { joined: true }))
  client.on('heartbeat', value => tell(session, { heartbeat: value }))
  client.on('msg', ({ data }) => tellCommand(session, data))
  client.on('close', () => tell(session, { ended: true }))
  client.on('error', error => tell(session, { error: String(error.message ?? error) }))
  client.on('deserialize:error', error => tell(session, { error: String(error) }))
}
