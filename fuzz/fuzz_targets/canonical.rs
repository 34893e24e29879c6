//! Whatever bytes the strict parser accepts have one canonical form, which it accepts as such.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::canonical;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = canonical::parse(bytes) else { return };
    let written = canonical::to_vec(&value).expect("what was parsed can be written");
    let again: Value = canonical::from_canonical_slice(&written).expect("what was written is canonical");
    assert_eq!(again, value, "the canonical form is of the same value");

    // The lenient parser accepts all that the strict one does, and understands the same.
    let lenient: Value = serde_json::from_slice(bytes).expect("what is accepted is JSON");
    assert!(same(&value, &lenient), "{value} was read where serde_json reads {lenient}");
});

/// Whether two values are the same when every number is a double.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|((left_name, left), (right_name, right))| {
                    left_name == right_name && same(left, right)
                })
        }
        _ => left == right,
    }
}
