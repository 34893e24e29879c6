//! Printing results.

/// Prints the one line that programs look for.
pub fn figure(name: &str, value: f64) {
    println!("figure {name} {value:.2}");
}

/// Prints a table: the first column is text, the others are aligned to the right.
pub fn table(header: &[&str], rows: &[Vec<String>]) {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let lines = || std::iter::once(&header).chain(rows);
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for line in lines() {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                print!("  {cell:<width$}");
            } else {
                print!("  {cell:>width$}");
            }
        }
        println!();
    }
}
