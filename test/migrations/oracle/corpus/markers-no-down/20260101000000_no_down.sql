-- migrate:up
CREATE TABLE without_down (n int);
