import { withoutConsequences } from "../../../ops/update/engine-output.ts";

/** What the engine printed when Cloud Storage refused a bucket; of 24 resources that it prevented, two. */
const FAILED = `Updating (local):

@ updating....
 +  gcp:storage:Bucket settlement-migrations creating (0s) error: Cloud Storage, POST b: 403 forbidden: The caller does not have permission.
    gcp:sql:User settlement-user  error: expected resource operations for urn:pulumi:local::settlement::settlement:infra:Database$gcp:sql/user:User::settlement-user but none were seen
    gcp:cloudrunv2:Service settlement-service  error: expected resource operations for urn:pulumi:local::settlement::settlement:infra:Service$gcp:cloudrunv2/service:Service::settlement-service but none were seen
    gcp:sql:User settlement-user **failed** 1 error
    gcp:cloudrunv2:Service settlement-service **failed** 1 error
Policies:
    settlement@v1.0.0

Diagnostics:
  gcp:storage:Bucket (settlement-migrations):
    error: Cloud Storage, POST b: 403 forbidden: The caller does not have permission.
      at Object.registerResource (/srv/node_modules/@pulumi/pulumi/runtime/resource.js:1:2)

  gcp:storage:BucketObject (script):
    warning: The object is large.
    error: expected resource operations for urn:pulumi:local::settlement::x but none were seen

Resources:
    + 28 created
    24 errored

Duration: 3s

`;

const SHOWN = `Updating (local):

@ updating....
 +  gcp:storage:Bucket settlement-migrations creating (0s) error: Cloud Storage, POST b: 403 forbidden: The caller does not have permission.
Policies:
    settlement@v1.0.0

  gcp:storage:BucketObject (script):
    warning: The object is large.
Resources:
    + 28 created

Duration: 3s

`;

test.each([1, 7, 1000])("shows one error and every warning, from parts of %d characters", (size) => {
  let printed = "";
  const print = withoutConsequences((text) => (printed += text));
  for (let from = 0; from < FAILED.length; from += size) print(FAILED.slice(from, from + size));
  expect(printed).toBe(SHOWN);
});
