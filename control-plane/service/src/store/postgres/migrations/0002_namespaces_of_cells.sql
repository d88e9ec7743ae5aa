-- What is read of a cell's namespaces are those that are not deleted: `namespaces_in_cell` has them.
DROP INDEX namespaces_by_cell;
