module.exports = require("./later.cjs").later(() => require("../../node_modules/typescript"));
