-- migrate:up
CREATE TABLE "Mixed Case" ("a""b" int, "select" int, "ü" int, "with;semicolon" int, "$$" int, a$b int);
CREATE TABLE größe (länge int, 数 int, "🦊" text DEFAULT '🦊');
INSERT INTO größe VALUES (1, 2);
ALTER TABLE "Mixed Case" RENAME COLUMN "a""b" TO "it's";
CREATE INDEX "an index; of it" ON "Mixed Case" ("it's");

-- migrate:down
DROP TABLE größe, "Mixed Case";
