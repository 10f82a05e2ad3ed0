/**
 * A module that is loaded when it is first used: @pulumi/pulumi loads TypeScript and npm's resolver when it starts, in every
 * test file, and needs them only to write down a function.
 */
exports.later = (load) => {
  let loaded;
  // An ES module by its mark is taken as it is, not copied property by property.
  return new Proxy({}, { get: (_target, key) => (key === "__esModule" ? true : (loaded ??= load())[key]) });
};
