-- The cell whose lists these are; none before it has claimed them.
CREATE TABLE owner (
    only_row int2 PRIMARY KEY CHECK (only_row = 1),
    cell     text COLLATE "C" NOT NULL
);
