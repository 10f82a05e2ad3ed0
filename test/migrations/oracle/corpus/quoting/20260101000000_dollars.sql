-- migrate:up
CREATE TABLE dollars (n serial, t text);
INSERT INTO dollars (t) VALUES ($$a$$), ($a$b$$c$a$), ($step$d$step$), ($guards$e$guards$), ($_1$f$_1$), ($Ä$g$Ä$),
  ($a$$b$h$b$$a$), ($$;$$), ($$--$$), ($$/*$$);

-- migrate:down
DROP TABLE dollars;
