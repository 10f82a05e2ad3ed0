// @ts-check
"use strict";

/** The oldest Node.js that runs the project's TypeScript as it stands, such as `>=24`. */
const OLDEST = Number(require("../package.json").engines.node.slice(2));

/**
 * The sentence for someone who runs plain `pulumi` with an older Node.js; undefined if this one will do. It is asked for
 * before any file of TypeScript is loaded, and so stands in one that every Node.js can read.
 * @returns {string | undefined}
 */
exports.tooOld = () =>
  Number(process.versions.node.split(".")[0]) < OLDEST
    ? `Node.js ${process.versions.node} is too old for this project: put ${OLDEST} or newer first on PATH (https://nodejs.org).`
    : undefined;
