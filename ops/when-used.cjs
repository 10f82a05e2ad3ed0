/**
 * A module that is loaded when it is first used.
 * @param load Loads it.
 * @param known What it exports, as far as that is known without it.
 */
exports.whenUsed = (load, known = {}) => {
  let loaded;
  // An ES module by its mark is taken as it is, not copied property by property.
  const own = { __esModule: true, ...known };
  return new Proxy({}, { get: (_target, key) => (key in own ? own[key] : (loaded ??= load())[key]) });
};
