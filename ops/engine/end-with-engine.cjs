// @ts-check
"use strict";

/**
 * Preloaded into the Node.js plugins: the policy pack and the dynamic provider. The engine passes them its address and stops
 * them when it exits; if it is killed, its port refuses connections and they exit on their own.
 */

const net = require("node:net");
const { setTimeout } = require("node:timers");

/** Milliseconds before reconnecting after the engine closes an idle connection. */
const PAUSE = 500;

const address = process.argv.find((argument) => /^127\.0\.0\.1:\d+$/.test(argument));
if (address !== undefined) watch(Number(address.split(":")[1]));

/** @param {number} port */
function watch(port) {
  // The close event needs the stream to be read.
  const connection = net.connect(port, "127.0.0.1").unref().resume();
  connection.on("error", (/** @type {Error & { code?: string }} */ error) => {
    if (error.code === "ECONNREFUSED") process.exit();
  });
  connection.on("close", () => setTimeout(watch, PAUSE, port).unref());
}
