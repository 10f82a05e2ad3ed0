import { isA, type Resource } from "../../policies/model/resource.ts";
import { valueAt } from "../../policies/model/values.ts";

test("a path or a property that the provider does not declare does not compile", () => {
  const resource: Resource = {
    urn: "urn:pulumi:test::test::gcp:sql/databaseInstance:DatabaseInstance::db",
    type: "gcp:sql/databaseInstance:DatabaseInstance",
    name: "db",
    props: { settings: { ipConfiguration: { ipv4Enabled: true } } },
    protect: true,
    provider: {},
    dependencies: [],
    madeOf: {},
  };
  // @ts-expect-error TS2345: the type does not exist
  expect(isA(resource, "gcp:sql/instance:Instance")).toBe(false);
  if (!isA(resource, "gcp:sql/databaseInstance:DatabaseInstance")) throw new Error("It is one.");
  expect(valueAt(resource.props, "settings.ipConfiguration.ipv4Enabled")).toBe(true);
  // @ts-expect-error TS2345: the property is called ipv4Enabled
  expect(valueAt(resource.props, "settings.ipConfiguration.ipV4Enabled")).toBeUndefined();
  // @ts-expect-error TS2551: the property is called databaseVersion
  expect(resource.props.databaseVersions).toBeUndefined();
});
