//! What the objects that a host brings have in common: stores, key providers, upcasts, signers.

use mythos_core::ErrorKind;
use mythos_core::store::StoreError;
use pyo3::prelude::*;

use crate::errors;

/// Refuses an object, given as the argument `field`, that lacks one of the methods of a `role`, such as "store".
pub(crate) fn require(object: &Bound<'_, PyAny>, field: &str, role: &str, methods: &[&str]) -> PyResult<()> {
    for method in methods {
        if !object.getattr_opt(*method)?.is_some_and(|method| method.is_callable()) {
            // Of the object only its type is named: what it prints might be a secret.
            let class = object.get_type();
            let message = format!("a {class} is no {role}: it has no method {method}");
            return Err(errors::new(object.py(), ErrorKind::Invalid, &message, Some(field)));
        }
    }
    Ok(())
}

/// Why `method`, such as "the store's read", was not called.
pub(crate) fn ended(method: &str) -> StoreError {
    let message = format!("{method} was not called: the Python interpreter has ended");
    StoreError::Unavailable { message, source: None }
}
