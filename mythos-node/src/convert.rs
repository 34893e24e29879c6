//! Native values as JavaScript sees them, both ways.
//!
//! Node-API is called directly: a value of a hundred thousand members is converted on the JavaScript thread, where every
//! call counts, and napi's wrappers leave an exception pending when a getter throws.

// Node-API is a C interface. Every call below passes the `env` and the handles that the same callback was given.
#![allow(unsafe_code)]

use std::ptr;

use mythos_core::types::MAX_SAFE_INTEGER;
use napi::bindgen_prelude::{
    BufferSlice, Env, FromNapiValue, JsValue, ToNapiValue, TypeName, ValidateNapiValue,
};
use napi::{Status, ValueType, sys};

use crate::value::{ConversionError, Value};

/// The deepest nesting that is read: what a record body may have, and what a batch or an answer has around it.
const MAX_DEPTH: usize = 100;

/// From so many bytes on a buffer is handed over instead of copied: below, the copy is cheaper than a finalizer.
const MIN_SHARED_BYTES: usize = 16 << 10;

/// The largest integer that a double holds exactly together with all smaller ones.
const MAX_SAFE_REAL: f64 = MAX_SAFE_INTEGER as f64;

/// An argument from JavaScript. A value that cannot be converted is an error of the call, not of the binding, so that it
/// fails like any other call.
#[derive(Debug)]
pub(crate) struct Argument(pub(crate) Result<Value, ConversionError>);

impl FromNapiValue for Argument {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: the caller guarantees that `env` and `value` are valid in this callback.
        Ok(Self(unsafe { read(env, value, 0) }))
    }
}

impl TypeName for Argument {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl ValidateNapiValue for Argument {
    unsafe fn validate(_env: sys::napi_env, _value: sys::napi_value) -> napi::Result<sys::napi_value> {
        Ok(ptr::null_mut())
    }
}

impl ToNapiValue for Value {
    unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: the caller guarantees that `env` is valid in this callback.
        unsafe { write(env, value) }
    }
}

fn written(status: sys::napi_status) -> napi::Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(napi::Error::from_status(Status::from(status))) }
}

unsafe fn write(env: sys::napi_env, value: Value) -> napi::Result<sys::napi_value> {
    let mut result = ptr::null_mut();
    // SAFETY: `env` is valid in this callback; every handle was just made under it; text and bytes are passed with their
    // lengths and copied, or handed over with their owner by `BufferSlice`.
    unsafe {
        match value {
            Value::Null => written(sys::napi_get_null(env, &mut result))?,
            Value::Boolean(boolean) => written(sys::napi_get_boolean(env, boolean, &mut result))?,
            Value::Integer(integer) => written(sys::napi_create_int64(env, integer, &mut result))?,
            Value::Real(real) => written(sys::napi_create_double(env, real, &mut result))?,
            Value::Text(text) => result = write_text(env, &text)?,
            Value::Bytes(bytes) if bytes.len() < MIN_SHARED_BYTES => {
                result = BufferSlice::copy_from(&Env::from_raw(env), bytes)?.raw();
            }
            Value::Bytes(bytes) => result = BufferSlice::from_data(&Env::from_raw(env), bytes)?.raw(),
            Value::List(items) => {
                written(sys::napi_create_array_with_length(env, items.len(), &mut result))?;
                for (index, item) in items.into_iter().enumerate() {
                    let item = write(env, item)?;
                    // Lists have fewer than 2^32 elements: a batch is bounded far below.
                    written(sys::napi_set_element(env, result, index as u32, item))?;
                }
            }
            Value::Object(members) => {
                written(sys::napi_create_object(env, &mut result))?;
                for (key, value) in members {
                    let name = write_text(env, &key)?;
                    let value = write(env, value)?;
                    // Defined rather than set if setting would not make a property of that name.
                    if key == "__proto__" {
                        let property = sys::napi_property_descriptor {
                            utf8name: ptr::null(),
                            name,
                            method: None,
                            getter: None,
                            setter: None,
                            value,
                            attributes: sys::PropertyAttributes::writable
                                | sys::PropertyAttributes::enumerable
                                | sys::PropertyAttributes::configurable,
                            data: ptr::null_mut(),
                        };
                        written(sys::napi_define_properties(env, result, 1, &property))?;
                    } else {
                        written(sys::napi_set_property(env, result, name, value))?;
                    }
                }
            }
        }
    }
    Ok(result)
}

unsafe fn write_text(env: sys::napi_env, text: &str) -> napi::Result<sys::napi_value> {
    let mut result = ptr::null_mut();
    // SAFETY: `env` is valid in this callback, and the text is passed with its length.
    written(unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut result)
    })?;
    Ok(result)
}

/// Turns a status into an error, and an exception that user code threw (a getter, a proxy) likewise: Node-API reports
/// some of those as a generic failure, and leaves all of them pending.
unsafe fn done(env: sys::napi_env, status: sys::napi_status) -> Result<(), ConversionError> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    let (mut is_pending, mut exception) = (false, ptr::null_mut());
    // SAFETY: `env` is valid in this callback.
    unsafe {
        sys::napi_is_exception_pending(env, &mut is_pending);
        if is_pending {
            sys::napi_get_and_clear_last_exception(env, &mut exception);
        }
    }
    Err(ConversionError::new(if is_pending {
        "reading it threw an exception".to_owned()
    } else {
        format!("cannot be read ({})", Status::from(status))
    }))
}

unsafe fn read(env: sys::napi_env, value: sys::napi_value, depth: usize) -> Result<Value, ConversionError> {
    if depth > MAX_DEPTH {
        let message = format!("nests deeper than {MAX_DEPTH} levels, or contains itself");
        return Err(ConversionError::new(message));
    }
    // SAFETY: here and in the functions below, `env` and `value` are valid in this callback.
    unsafe {
        let mut kind = 0;
        done(env, sys::napi_typeof(env, value, &mut kind))?;
        match kind {
            sys::ValueType::napi_undefined | sys::ValueType::napi_null => Ok(Value::Null),
            sys::ValueType::napi_boolean => {
                let mut boolean = false;
                done(env, sys::napi_get_value_bool(env, value, &mut boolean))?;
                Ok(Value::Boolean(boolean))
            }
            sys::ValueType::napi_number => {
                let mut real = 0.0;
                done(env, sys::napi_get_value_double(env, value, &mut real))?;
                number(real)
            }
            sys::ValueType::napi_bigint => {
                let (mut integer, mut lossless) = (0, false);
                done(env, sys::napi_get_value_bigint_int64(env, value, &mut integer, &mut lossless))?;
                if lossless && integer.unsigned_abs() <= MAX_SAFE_INTEGER {
                    Ok(Value::Integer(integer))
                } else {
                    Err(ConversionError::new("is a BigInt of more than 53 bits"))
                }
            }
            sys::ValueType::napi_string => Ok(Value::Text(read_text(env, value)?)),
            sys::ValueType::napi_object => read_object(env, value, depth),
            sys::ValueType::napi_function => Err(ConversionError::new("is a function, which is not data")),
            _ => Err(ConversionError::new("is a symbol or an external, which is not data")),
        }
    }
}

/// JavaScript has one kind of number; the integers among them are what both languages hold exactly.
fn number(real: f64) -> Result<Value, ConversionError> {
    if !real.is_finite() {
        return Err(ConversionError::new(format!("{real} is not a finite number")));
    }
    let is_negative_zero = real == 0.0 && real.is_sign_negative();
    if real.trunc() == real && real.abs() <= MAX_SAFE_REAL && !is_negative_zero {
        Ok(Value::Integer(real as i64))
    } else {
        Ok(Value::Real(real))
    }
}

/// Reads UTF-16, since Node-API's UTF-8 silently replaces lone surrogates.
unsafe fn read_text(env: sys::napi_env, value: sys::napi_value) -> Result<String, ConversionError> {
    let mut short = [0u16; 64];
    let mut length = 0;
    // SAFETY: Node-API writes at most as many units as it is told, a final zero included.
    let units = unsafe {
        done(
            env,
            sys::napi_get_value_string_utf16(env, value, short.as_mut_ptr(), short.len(), &mut length),
        )?;
        if length < short.len() - 1 {
            short[..length].to_vec()
        } else {
            done(env, sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &mut length))?;
            let mut units = vec![0u16; length + 1];
            done(
                env,
                sys::napi_get_value_string_utf16(env, value, units.as_mut_ptr(), units.len(), &mut length),
            )?;
            units.truncate(length);
            units
        }
    };
    String::from_utf16(&units).map_err(|_| ConversionError::new("a string contains a lone surrogate"))
}

unsafe fn read_object(
    env: sys::napi_env,
    value: sys::napi_value,
    depth: usize,
) -> Result<Value, ConversionError> {
    // SAFETY: as for `read`.
    unsafe {
        let mut is = false;
        done(env, sys::napi_is_array(env, value, &mut is))?;
        if is {
            return read_list(env, value, depth);
        }
        done(env, sys::napi_is_typedarray(env, value, &mut is))?;
        if is {
            return read_bytes(env, value);
        }
        if !is_plain(env, value)? {
            let message = "is an instance of a class; give a plain object, an array, a Buffer, or a Date's \
                           toISOString()";
            return Err(ConversionError::new(message));
        }
        read_members(env, value, depth)
    }
}

unsafe fn read_list(
    env: sys::napi_env,
    value: sys::napi_value,
    depth: usize,
) -> Result<Value, ConversionError> {
    let mut length = 0;
    // SAFETY: as for `read`.
    unsafe {
        done(env, sys::napi_get_array_length(env, value, &mut length))?;
        let mut items = Vec::with_capacity(length.min(1 << 16) as usize);
        for index in 0..length {
            let mut item = ptr::null_mut();
            let item = done(env, sys::napi_get_element(env, value, index, &mut item))
                .and_then(|()| read(env, item, depth + 1))
                .map_err(|error| error.in_element(index as usize))?;
            items.push(item);
        }
        Ok(Value::List(items))
    }
}

/// Copies: JavaScript may change its array while another thread works with the bytes.
unsafe fn read_bytes(env: sys::napi_env, value: sys::napi_value) -> Result<Value, ConversionError> {
    let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
    // SAFETY: as for `read`; Node-API gives a pointer to `length` bytes, which stay valid until JavaScript runs again,
    // or null for none.
    unsafe {
        done(
            env,
            sys::napi_get_typedarray_info(
                env,
                value,
                &mut kind,
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            ),
        )?;
        if kind != sys::TypedarrayType::uint8_array {
            return Err(ConversionError::new("is a typed array, but not of bytes (Buffer or Uint8Array)"));
        }
        let bytes = if data.is_null() { &[] } else { std::slice::from_raw_parts(data.cast::<u8>(), length) };
        Ok(Value::Bytes(bytes.to_vec()))
    }
}

/// Whether the value inherits from nothing, or only from the root of all objects, of whichever realm: a `Date` or a
/// `Map` would be read as an empty object.
unsafe fn is_plain(env: sys::napi_env, value: sys::napi_value) -> Result<bool, ConversionError> {
    let mut object = value;
    for _ in 0..2 {
        let (mut prototype, mut kind) = (ptr::null_mut(), 0);
        // SAFETY: as for `read`.
        unsafe {
            done(env, sys::napi_get_prototype(env, object, &mut prototype))?;
            done(env, sys::napi_typeof(env, prototype, &mut kind))?;
        }
        if kind == sys::ValueType::napi_null {
            return Ok(true);
        }
        object = prototype;
    }
    Ok(false)
}

unsafe fn read_members(
    env: sys::napi_env,
    value: sys::napi_value,
    depth: usize,
) -> Result<Value, ConversionError> {
    let (mut names, mut length) = (ptr::null_mut(), 0);
    // SAFETY: as for `read`.
    unsafe {
        done(
            env,
            sys::napi_get_all_property_names(
                env,
                value,
                sys::KeyCollectionMode::own_only,
                sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols,
                sys::KeyConversion::numbers_to_strings,
                &mut names,
            ),
        )?;
        done(env, sys::napi_get_array_length(env, names, &mut length))?;
        let mut members = Vec::with_capacity(length as usize);
        for index in 0..length {
            let (mut name, mut member, mut kind) = (ptr::null_mut(), ptr::null_mut(), 0);
            done(env, sys::napi_get_element(env, names, index, &mut name))?;
            let key = read_text(env, name)?;
            let member = done(env, sys::napi_get_property(env, value, name, &mut member))
                .and_then(|()| done(env, sys::napi_typeof(env, member, &mut kind)))
                .and_then(|()| match kind {
                    // As JSON does: a member that is undefined is absent.
                    sys::ValueType::napi_undefined => Ok(None),
                    _ => read(env, member, depth + 1).map(Some),
                })
                .map_err(|error| error.in_member(&key))?;
            members.extend(member.map(|member| (key, member)));
        }
        Ok(Value::Object(members))
    }
}
