/**
 * A module that is loaded when it is first used.
 * @param load Loads it.
 */
exports.whenUsed = (load) => {
  let loaded;
  // An ES module by its mark is taken as it is, not copied property by property.
  return new Proxy({}, { get: (_target, key) => (key === "__esModule" ? true : (loaded ??= load())[key]) });
};
