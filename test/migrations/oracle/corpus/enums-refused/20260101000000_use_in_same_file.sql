-- migrate:up
CREATE TYPE size AS ENUM ('s');
CREATE TABLE shirts (size size);

-- migrate:down
DROP TABLE shirts;
DROP TYPE size;
