import { z } from "zod";
import { policy } from "../engine/policy.ts";
import { needsDatabase } from "../model/secret-references.ts";
import { dependsOn, ofType } from "../model/resource.ts";
import { workloads } from "../model/workloads.ts";

export const schemaFirst = policy({
  name: "schema-before-service",
  sentence: "A service starts after the schema is applied: it depends on the import of the migrations.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/import-export/import-export-sql",
  settings: {
    required: z
      .boolean()
      .default(false)
      .describe("Whether a stack with a service that needs the database must import a schema"),
  },
  stack: (resources, report, { required }) => {
    const schemas = ofType(resources, "pulumi-nodejs:dynamic/settlement:ImportedSchema");
    for (const { resource, kind } of workloads(resources).filter(needsDatabase)) {
      if (kind !== "service" || schemas.some((schema) => dependsOn(resource, schema))) continue;
      if (schemas.length > 0)
        report(resource, "does not wait for the schema; add the import of the migrations to its dependsOn.");
      else if (required)
        report(resource, "needs a schema, but the stack imports none; declare the import and depend on it.");
    }
  },
});
