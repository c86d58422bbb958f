// The sample app of the quick start: pypaas says in PORT where to listen.
import { createServer } from 'node:http'

const page = `<!doctype html>
<meta charset="utf-8">
<title>Hello from pypaas</title>
<link rel="stylesheet" href="/assets/style.css">
<h1>It works.</h1>
<p>This page came from commit <code>${process.env.GIT_COMMIT?.slice(0, 11)}</code>,
pushed with git, run under daemontools, served through nginx.</p>
`

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(page)
})
server.listen(process.env.PORT, '127.0.0.1')

// A deploy ends the former processes with TERM once their requests are done.
process.on('SIGTERM', () => server.close())
