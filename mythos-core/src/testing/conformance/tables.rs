//! The tables that the cases use.

use crate::store::{Field, FieldKind, Schema, Table};

const FIELDS: &[Field] = &[
    Field::new("tenant", FieldKind::Text),
    Field::new("name", FieldKind::Text),
    Field::new("note", FieldKind::Text),
    Field::new("number", FieldKind::Integer),
    Field::new("ratio", FieldKind::Real),
    Field::new("flag", FieldKind::Boolean),
    Field::new("tags", FieldKind::Tags),
    Field::new("parents", FieldKind::Edges),
];

const INDEXES: &[&[&str]] = &[&["tenant", "number"], &["name"], &["number"]];

/// A table with a field of every kind, whose records own cells.
pub const THINGS: Table =
    Table::new(&Schema { name: "things", fields: FIELDS, indexes: INDEXES, owns_cells: true });

/// Another table of the same fields, which must be kept apart.
pub const OTHERS: Table =
    Table::new(&Schema { name: "others", fields: FIELDS, indexes: INDEXES, owns_cells: true });

/// The tables that a store must hold for the cases.
pub const TABLES: &[Table] = &[THINGS, OTHERS];
