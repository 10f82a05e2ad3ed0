// @ts-check
"use strict";

/** Oldest major version of Node.js that runs TypeScript natively. */
const OLDEST = Number(require("../package.json").engines.node.slice(2));

/**
 * The error message for plain `pulumi` with an outdated Node.js; undefined if this version is recent enough. Not in
 * TypeScript, because an outdated Node.js must be able to load it.
 * @returns {string | undefined}
 */
exports.tooOld = () =>
  Number(process.versions.node.split(".")[0]) < OLDEST
    ? `Node.js ${process.versions.node} is too old for this project: put ${OLDEST} or newer first on PATH (https://nodejs.org).`
    : undefined;
