// As in policies/index.cjs.
module.exports = () => import("./index.ts");
