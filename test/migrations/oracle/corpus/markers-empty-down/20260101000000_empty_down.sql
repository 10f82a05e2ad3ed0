-- migrate:up
CREATE TABLE empty_down (n int);

-- migrate:down

