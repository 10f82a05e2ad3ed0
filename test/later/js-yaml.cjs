// As ops/later.cjs does for commands, in the modules that jest loads by itself.
module.exports = require("../../ops/when-used.cjs").whenUsed(() => require("../../node_modules/js-yaml"));
