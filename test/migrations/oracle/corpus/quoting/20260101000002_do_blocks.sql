-- migrate:up
DO 'BEGIN INSERT INTO dollars (t) VALUES (''in quotes''); END';
DO LANGUAGE plpgsql $do$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT generate_series(1, 3) AS n LOOP
    EXECUTE format('CREATE TABLE %I (id int)', 'made by do ' || t.n);
    EXECUTE $q$ INSERT INTO dollars (t) VALUES ('nested $z$ quote') $q$;
  END LOOP;
  BEGIN
    PERFORM 1 / 0;
  EXCEPTION WHEN division_by_zero THEN
    INSERT INTO dollars (t) VALUES ('caught');
  END;
END
$do$;

-- migrate:down
DROP TABLE "made by do 1", "made by do 2", "made by do 3";
DELETE FROM dollars WHERE t IN ('in quotes', 'caught') OR t LIKE 'nested%';
