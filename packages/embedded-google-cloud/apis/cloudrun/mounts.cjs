// @ts-check
"use strict";

/**
 * Gives a Node.js program what a Cloud Run container has and a plain process lacks: mounts, its own network, and an end
 * when its host ends. The embedded cloud preloads it (`node --require`); the program needs no change.
 */

const { existsSync } = require("node:fs");
const net = require("node:net");

/** The only interface on which a container's port may be reached. */
const LOOPBACK = "127.0.0.1";
/** The pipe from the embedded cloud, which closes when the embedded cloud ends, even if it is killed. */
const LIFELINE = 3;

/** @type {string} */
const table = process.env.EMBEDDED_MOUNTS ?? "";
if (table !== "") {
  // The program's children inherit neither the table nor this file.
  delete process.env.EMBEDDED_MOUNTS;
  process.env.NODE_OPTIONS = (process.env.NODE_OPTIONS ?? "")
    .replace(`--require ${JSON.stringify(__filename)}`, "")
    .trim();
  if (process.env.NODE_OPTIONS === "") delete process.env.NODE_OPTIONS;
  mountSockets(Object.entries(JSON.parse(table)));
  bindLoopback();
  endWithTheCloud();
}

/**
 * Translates socket paths below a mount to the real folder; errors name the path that the program used.
 * @param {[string, string][]} mounts Mount path and real folder.
 */
function mountSockets(mounts) {
  const deepestFirst = mounts.sort(([one], [other]) => other.length - one.length);
  const translate = (/** @type {string} */ path) => {
    const mount = deepestFirst.find(([mounted]) => path.startsWith(`${mounted}/`));
    if (!mount) return undefined;
    const real = mount[1] + path.slice(mount[0].length);
    // A path that is too long for a socket would give another error than one that does not exist.
    return existsSync(real) ? real : `${mount[1]}/none`;
  };
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (/** @type {any[]} */ ...args) {
    // net.connect() passes its arguments as one marked array, which must be changed in place.
    const list = Array.isArray(args[0]) ? args[0] : args;
    const path = typeof list[0] === "string" ? list[0] : list[0]?.path;
    const real = typeof path === "string" ? translate(path) : undefined;
    if (real !== undefined) {
      list[0] = typeof list[0] === "string" ? real : { ...list[0], path: real };
      this.prependOnceListener("error", (error) => {
        error.message = error.message.replace(real, path);
        Object.assign(error, { address: path });
      });
    }
    return Reflect.apply(connect, this, args);
  };
}

/** A program in a container listens on all interfaces; here that would expose its port to the network. */
function bindLoopback() {
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function (/** @type {any[]} */ ...args) {
    const [first, second] = args;
    if (typeof first === "number" || (typeof first === "string" && /^\d+$/.test(first))) {
      args.splice(1, typeof second === "string" ? 1 : 0, LOOPBACK);
    } else if (first === undefined || typeof first === "function") {
      args.unshift(0, LOOPBACK);
    } else if (typeof first === "object" && first?.port !== undefined) {
      args[0] = { ...first, host: LOOPBACK };
    }
    return Reflect.apply(listen, this, args);
  };
}

function endWithTheCloud() {
  new net.Socket({ fd: LIFELINE, readable: true, writable: false })
    .on("error", () => process.exit(1))
    .on("close", () => process.exit(1))
    .resume()
    .unref();
}
