-- migrate:up
RESET ROLE;
CREATE TABLE after_reset_role (n int);
SET ROLE settlement_owner;
CREATE TABLE as_owner (n int);
-- migrate:down
DROP TABLE as_owner;
DROP TABLE after_reset_role;
