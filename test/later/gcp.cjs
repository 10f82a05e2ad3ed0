// As ops/later.cjs does for commands, in the modules that jest loads by itself: @pulumi/gcp, one service at a time.
const { existsSync } = require("node:fs");
const { dirname, join } = require("node:path");

const GCP = dirname(require.resolve("@pulumi/gcp/package.json"));

module.exports = new Proxy(
  { __esModule: true },
  {
    get(known, name) {
      if (name in known) return known[name];
      const service = join(GCP, String(name), "index.js");
      return existsSync(service) ? require(service) : require(GCP)[name];
    },
  },
);
