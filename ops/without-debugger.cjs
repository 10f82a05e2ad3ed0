// @ts-check
"use strict";

/**
 * Loaded first by the program and the plugins that the engine runs with Node.js. The SDK turns on V8's debugger in them, and
 * changes V8's flags, so that it can write down functions. None of ours asks for that; the debugger slows the loading of every
 * file, and with other flags V8 takes nothing from its cache of compiled code. Together they took an eighth of a preview.
 */

const { Session } = require("node:inspector");
const v8 = require("node:v8");

const { post } = Session.prototype;
const { setFlagsFromString } = v8;

/** @type {(method: string, ...rest: any[]) => void} */
const postOthers = function (method, ...rest) {
  if (method !== "Debugger.enable") return Reflect.apply(post, this, [method, ...rest]);
  rest.at(-1)(null);
};
Object.assign(Session.prototype, { post: postOthers });

v8.setFlagsFromString = (flags) => {
  if (flags !== "--allow-natives-syntax") setFlagsFromString(flags);
};
