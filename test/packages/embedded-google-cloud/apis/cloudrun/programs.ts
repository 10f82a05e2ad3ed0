/** The programs of the images in the tests. */

/** Responds with its arguments, its environment and the request. */
export const ECHO = `
require("node:http").createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { method, url, headers } = request;
  response.writeHead(url.startsWith("/teapot") ? 418 : 200, { "content-type": "application/json", "x-echo": "yes" });
  response.end(JSON.stringify({ args: process.argv.slice(2), env: process.env, pid: process.pid, method, url, headers, length: body.length, body: body.slice(0, 100) }));
}).listen(process.env.PORT);
process.on("SIGTERM", () => process.exit(0));
process.on("exit", () => console.log("echo ends"));
console.log("echo is listening");
`;

/** Fails at once, with a message on standard error. */
export const BROKEN = `console.error("cannot start"); process.exit(3);`;

/** Runs, but never listens. */
export const SILENT = `setInterval(() => undefined, 1000);`;

/** Responds 500 to every request. */
export const FAILING = `
require("node:http").createServer((request, response) => response.writeHead(500).end("no")).listen(process.env.PORT);
`;

/** Responds with what the Cloud SQL socket at the URL's path, /cloudsql/NAME, sent, or with its error. */
export const SOCKET = `
const net = require("node:net");
require("node:http").createServer((request, response) => {
  let said = "";
  const socket = net.connect(decodeURIComponent(request.url) + "/.s.PGSQL.5432");
  socket.on("data", (chunk) => { said += chunk; });
  socket.on("error", (error) => response.writeHead(500).end(error.message));
  socket.on("close", () => response.writableEnded || response.writeHead(said === "" ? 500 : 200).end(said || "connection closed"));
}).listen(process.env.PORT);
`;

/** Answers with its process id, once the file that the URL's path names exists. */
export const HOLDING = `
const { existsSync } = require("node:fs");
require("node:http").createServer((request, response) => {
  const path = decodeURIComponent(request.url.slice(1));
  const answer = () => path && !existsSync(path) ? setTimeout(answer, 20) : response.end(String(process.pid));
  answer();
}).listen(process.env.PORT);
process.on("SIGTERM", () => process.exit(0));
`;

/** Takes half a second for /slow, and completes its requests on SIGTERM. */
export const SLOW = `
const server = require("node:http").createServer((request, response) => {
  setTimeout(() => response.end(process.env.K_REVISION), request.url === "/slow" ? 500 : 0);
});
server.listen(process.env.PORT);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;

/** Is healthy, but responds 500 to everything else. */
export const HEALTHY_AND_FAILING = `
require("node:http").createServer((request, response) => {
  response.writeHead(request.url === "/health" ? 200 : 500).end("the table is gone");
}).listen(process.env.PORT);
process.on("SIGTERM", () => process.exit(0));
`;
