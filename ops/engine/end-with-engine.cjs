// @ts-check
"use strict";

/**
 * Loaded first by the plugins that the engine runs with Node.js: the policy pack and the dynamic provider. The engine tells
 * them its address, and ends them when it ends; where it is killed, they find nobody there any more, and end by themselves.
 */

const net = require("node:net");
const { setTimeout } = require("node:timers");

/** Milliseconds between two looks, where the engine closes a connection over which it is told nothing. */
const PAUSE = 500;

const address = process.argv.find((argument) => /^127\.0\.0\.1:\d+$/.test(argument));
if (address !== undefined) watch(Number(address.split(":")[1]));

/** @param {number} port */
function watch(port) {
  // Unless what the engine says is read, its end is not seen.
  const connection = net.connect(port, "127.0.0.1").unref().resume();
  connection.on("error", (/** @type {Error & { code?: string }} */ error) => {
    if (error.code === "ECONNREFUSED") process.exit();
  });
  connection.on("close", () => setTimeout(watch, PAUSE, port).unref());
}
