use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Number, Value, json};

use super::text::{compare_utf16, plain_prefix};
use super::*;
use crate::ErrorKind;
use crate::types::MAX_SAFE_INTEGER;

fn written<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_vec(value).unwrap()).unwrap()
}

/// The kind and the place of the refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.field().unwrap().to_owned())
}

fn nested_arrays(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// A map that is written with its entries in this order, also twice the same.
struct Entries<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[test]
fn the_examples_of_the_rfc_are_met() {
    // RFC 8785 §3.2.2 and §3.2.3.
    let sample = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let canonical = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(written(&parse(sample.as_bytes()).unwrap()), canonical);

    let sorting = r#"{
        "\u20ac": "Euro Sign", "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let canonical = concat!(
        r#"{"\r":"Carriage Return","1":"One","#,
        "\"\u{80}\":\"Control\",\"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",",
        "\"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
    );
    assert_eq!(written(&parse(sorting.as_bytes()).unwrap()), canonical);
}

#[test]
fn doubles_are_written_as_in_the_rfc() {
    // RFC 8785 appendix B.
    for (bits, text) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let double = f64::from_bits(bits);
        assert_eq!(written(&double), text, "{bits:016x}");
        assert_eq!(parse(text.as_bytes()).unwrap().as_f64(), Some(double), "{text}");
    }
}

#[test]
fn one_number_is_read_as_one_value_however_it_is_spelled() {
    for (literal, value) in [
        ("1", json!(1)),
        ("1.0", json!(1)),
        ("100e-2", json!(1)),
        ("0.01E+2", json!(1)),
        ("-0", json!(0)),
        ("-0.0", json!(0)),
        ("-0e7", json!(0)),
        ("1e-999", json!(0)),
        ("-7", json!(-7)),
        ("9007199254740991", json!(9_007_199_254_740_991_u64)),
        ("-9007199254740991", json!(-9_007_199_254_740_991_i64)),
        ("0.1", json!(0.1)),
        ("0.1000000000000000055511151231257827", json!(0.1)),
        ("1e15", json!(1_000_000_000_000_000_u64)),
        ("1e20", json!(1e20)),
        ("100000000000000000000", json!(1e20)),
    ] {
        assert_eq!(parse(literal.as_bytes()).unwrap(), value, "{literal}");
    }
}

#[test]
fn the_parser_names_the_place_of_what_it_refuses() {
    let cases: &[(&[u8], &str, usize, &str)] = &[
        // Not one value.
        (b"", "json", 0, "expected a value, found the end"),
        (b" ", "json", 1, "expected a value, found the end"),
        (b"1 2", "json", 2, "expected the end of the text, found '2'"),
        (b"[1],", "json", 3, "expected the end"),
        (b"\xEF\xBB\xBF1", "json", 0, "found '\\u{feff}'"),
        (b"nul", "json", 0, "expected a value"),
        (b"[NaN]", "/0", 1, "expected a value, found 'N'"),
        (b"[Infinity]", "/0", 1, "expected a value"),
        (b"[-Infinity]", "/0", 2, "expected a digit"),
        (b"'a'", "json", 0, "expected a value"),
        (b"\x0C1", "json", 0, "expected a value"),
        (b"// comment", "json", 0, "expected a value"),
        // Arrays and objects.
        (b"[1", "json", 2, "expected `,` or `]`"),
        (b"[1,]", "/1", 3, "expected a value, found ']'"),
        (b"[1}", "json", 2, "expected `,` or `]`"),
        (b"]", "json", 0, "expected a value"),
        (br#"{"a":{"b" 1}}"#, "/a/b", 10, "expected `:`"),
        (br#"{"a":1,}"#, "json", 7, "expected the name of a member"),
        (br#"{"a":1]"#, "json", 6, "expected `,` or `}`"),
        (br#"{"a"}"#, "/a", 4, "expected `:`"),
        (br#"{"a":}"#, "/a", 5, "expected a value"),
        (br#"{1:2}"#, "json", 1, "expected the name of a member"),
        (br#"{"a":1,"b":2,"a":1}"#, "/a", 13, "stands twice"),
        (br#"[{"\u0061/~":1,"a/~":1}]"#, "/0/a~1~0", 15, "stands twice"),
        // Numbers.
        (b"[01]", "/0", 1, "leading zero"),
        (b"-01", "json", 0, "leading zero"),
        (b"-", "json", 1, "expected a digit"),
        (b"+1", "json", 0, "expected a value"),
        (b".5", "json", 0, "expected a value"),
        (b"1.", "json", 2, "expected a digit"),
        (b"1.e1", "json", 2, "expected a digit"),
        (b"1e", "json", 2, "expected a digit"),
        (b"1e+", "json", 3, "expected a digit"),
        (b"0x10", "json", 1, "expected the end"),
        (br#"{"n":[0,1e999]}"#, "/n/1", 8, "number 1e999 is refused: it overflows a double"),
        (b"-1e309", "json", 0, "overflows"),
        (b"9007199254740993", "json", 0, "cannot hold an integer"),
        (b"-9007199254740993", "json", 0, "cannot hold an integer"),
        (b"[18446744073709551615]", "/0", 1, "cannot hold an integer"),
        (b"1000000000000000000000", "json", 0, "cannot hold an integer"),
        // Text.
        (b"\"a", "json", 2, "expected the rest of a string, found the end"),
        (b"[\"a\nb\"]", "/0", 3, "found '\\n'"),
        (b"\"\0\"", "json", 1, "found '\\0'"),
        (br#"["\x41"]"#, "/0", 3, "expected an escape of JSON, found 'x'"),
        (br#""\u00g0""#, "json", 5, "expected a hexadecimal digit, found 'g'"),
        (br#""\u+123""#, "json", 3, "expected a hexadecimal digit"),
        (br#""\u12""#, "json", 5, "expected a hexadecimal digit"),
        (br#"{"a":["\ud800"]}"#, "/a/0", 7, "half of a surrogate pair"),
        (br#""x\udc00""#, "json", 2, "half of a surrogate pair"),
        (br#""\ud800\ud800""#, "json", 1, "half of a surrogate pair"),
        (br#""\ud800\u0041""#, "json", 1, "half of a surrogate pair"),
        (br#""\ud800\n""#, "json", 1, "half of a surrogate pair"),
        (br#"{"\ud800":1}"#, "json", 2, "half of a surrogate pair"),
        // UTF-8.
        (b"{\"a\":[\"x\xFFy\"]}", "/a/0", 8, "found bytes that are not UTF-8"),
        (b"\"\xED\xA0\x80\"", "json", 1, "found bytes that are not UTF-8"),
        (b"\"\xC0\x80\"", "json", 1, "found bytes that are not UTF-8"),
        (b"\"\xF0\x9F\x98", "json", 1, "found bytes that are not UTF-8"),
        (b"1\xFF", "json", 1, "found bytes that are not UTF-8"),
        (b"[1,1e999,\"\xFF\"]", "/1", 3, "overflows"),
    ];
    for (text, field, byte, reason) in cases {
        let shown = String::from_utf8_lossy(text);
        let error = parse(text).expect_err(&shown);
        let message = error.to_string();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some(*field)), "{shown}: {message}");
        assert!(message.starts_with("parse JSON: "), "{shown}: {message}");
        assert!(message.contains(reason), "{shown}: {message}");
        assert!(message.ends_with(&format!("(byte {byte})")), "{shown}: {message}");
    }
}

#[test]
fn escapes_are_read_as_the_characters_they_stand_for() {
    let text = br#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\uDE00\u0000.""#;
    assert_eq!(parse(text).unwrap(), json!("\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{20ac}\u{1f600}\0."));
}

#[test]
fn only_what_must_be_is_escaped() {
    let text: String = ('\0'..='\u{9f}').chain(['/', '\u{2028}', '\u{fb33}', '\u{1f600}']).collect();
    let canonical = concat!(
        r#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#,
        r#"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"#,
        " !\\\"#",
    );
    let found = written(&text);
    assert!(found.starts_with(canonical), "{found}");
    assert!(found.ends_with("\u{7f}\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}/\u{2028}\u{fb33}\u{1f600}\""));
    assert_eq!(parse(found.as_bytes()).unwrap(), json!(text));
}

#[test]
fn a_byte_to_be_escaped_is_found_at_every_place() {
    for len in 0..40 {
        let plain = vec![0xFF; len];
        assert_eq!(plain_prefix(&plain), len);
        for (at, byte) in (0..len).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte))) {
            let mut text = plain.clone();
            text[at] = byte;
            let found = if byte < 0x20 || byte == b'"' || byte == b'\\' { at } else { len };
            assert_eq!(plain_prefix(&text), found, "byte {byte:02x} at {at} of {len}");
            // Marks above the lowest do not count.
            text[at..].fill(byte);
            assert_eq!(plain_prefix(&text), found, "bytes {byte:02x} from {at} of {len}");
        }
    }
}

#[test]
fn depth_is_bounded_the_same_on_both_sides() {
    let deepest = parse(nested_arrays(MAX_DEPTH).as_bytes()).unwrap();
    assert_eq!(written(&deepest), nested_arrays(MAX_DEPTH));

    let place = "/0".repeat(MAX_DEPTH);
    let too_deep = (ErrorKind::Limit, place.clone());
    assert_eq!(refusal(parse(nested_arrays(MAX_DEPTH + 1).as_bytes())), too_deep);
    assert_eq!(refusal(to_vec(&[deepest])), too_deep);
    // Far beyond: the stack is not used up.
    assert_eq!(refusal(parse("[".repeat(1 << 20).as_bytes())), too_deep);

    let objects = r#"{"":"#.repeat(MAX_DEPTH + 1);
    assert_eq!(refusal(parse(objects.as_bytes())), (ErrorKind::Limit, "/".repeat(MAX_DEPTH)));
}

#[test]
fn size_is_bounded_on_both_sides() {
    let longest = format!("\"{}\"", "x".repeat(MAX_BYTES - 2));
    let value = parse(longest.as_bytes()).unwrap();
    assert_eq!(to_vec(&value).unwrap(), longest.as_bytes());

    let limit = (ErrorKind::Limit, "json".to_owned());
    assert_eq!(refusal(parse(&vec![b'['; MAX_BYTES + 1])), limit);
    assert_eq!(refusal(to_vec(&"x".repeat(MAX_BYTES - 1))), limit);
}

#[derive(Serialize)]
struct Unordered {
    zeta: Vec<Self>,
    alpha: Option<u8>,
    #[serde(flatten)]
    more: BTreeMap<&'static str, f64>,
}

#[test]
fn members_are_sorted_at_every_level() {
    let inner = || Unordered { zeta: Vec::new(), alpha: None, more: BTreeMap::from([("m", 0.5)]) };
    let value = Unordered {
        zeta: vec![inner(), inner()],
        alpha: Some(1),
        more: BTreeMap::from([("b", 1.0), ("z", 2.0)]),
    };
    let inner = r#"{"alpha":null,"m":0.5,"zeta":[]}"#;
    assert_eq!(written(&value), format!(r#"{{"alpha":1,"b":1,"z":2,"zeta":[{inner},{inner}]}}"#));
}

#[test]
fn the_writer_names_the_place_of_what_it_refuses() {
    #[derive(Serialize)]
    enum Shape {
        One(f64),
        Two(u8, f64),
        Named { side: f64 },
    }
    struct Failing;
    impl Serialize for Failing {
        fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no lock"))
        }
    }

    let invalid = |field: &str| (ErrorKind::Invalid, field.to_owned());
    for (found, field) in [
        (to_vec(&f64::NAN), "json"),
        (to_vec(&[1.0, f64::INFINITY]), "/1"),
        (to_vec(&BTreeMap::from([("a/b", [f32::NEG_INFINITY])])), "/a~1b/0"),
        (to_vec(&(MAX_SAFE_INTEGER + 1)), "json"),
        (to_vec(&[i64::MIN]), "/0"),
        (to_vec(&[u64::MAX]), "/0"),
        (to_vec(&[u128::MAX]), "/0"),
        (to_vec(&json!({"a": {"id": 9_007_199_254_740_992_u64}})), "/a/id"),
        (to_vec(&[Shape::One(f64::NAN)]), "/0/One"),
        (to_vec(&[Shape::Two(1, f64::NAN)]), "/0/Two/1"),
        (to_vec(&[Shape::Named { side: f64::NAN }]), "/0/Named/side"),
        (to_vec(&BTreeMap::from([("x", Failing)])), "/x"),
        (to_vec(&[Entries(vec![("b", 1), ("a", 2), ("b", 1)])]), "/0/b"),
        (to_vec(&Entries(vec![("a", 1), ("a", 2)])), "/a"),
        (to_vec(&Unordered { zeta: vec![], alpha: None, more: BTreeMap::from([("alpha", 1.0)]) }), "/alpha"),
        (to_vec(&[Entries(vec![(1.5, 1)])]), "/0"),
        (to_vec(&Entries(vec![(None::<u8>, 1)])), "json"),
        (to_vec(&Entries(vec![(vec![1], 1)])), "json"),
        (to_vec(&Entries(vec![((), 1)])), "json"),
        // The place is right although an inner object noted members of its own.
        (to_vec(&Entries(vec![("b", json!({"y": 1})), ("a", json!([u64::MAX]))])), "/a/0"),
    ] {
        assert_eq!(refusal(found), invalid(field));
    }
    let error = to_vec(&[f64::NAN]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "write canonical JSON: NaN is not a number of JSON; use null or text, at /0"
    );
    assert!(to_vec(&Failing).unwrap_err().to_string().contains("no lock"));
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let mut out = b"kept".to_vec();
    assert!(write_to(&mut out, &json!({"a": 1, "b": u64::MAX})).is_err());
    assert_eq!(out, b"kept");
    write_to(&mut out, &json!([])).unwrap();
    assert_eq!(out, b"kept[]");
}

#[test]
fn keys_with_one_text_form_are_names() {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Unit {
        Variant,
    }
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Wrapped(u64);

    assert_eq!(written(&Entries(vec![(10, 1), (9, 2), (-1, 3)])), r#"{"-1":3,"10":1,"9":2}"#);
    assert_eq!(written(&Entries(vec![(true, 1), (false, 2)])), r#"{"false":2,"true":1}"#);
    assert_eq!(written(&Entries(vec![('"', 1)])), r#"{"\"":1}"#);
    assert_eq!(written(&Entries(vec![(Unit::Variant, 1)])), r#"{"Variant":1}"#);
    assert_eq!(written(&Entries(vec![(Some(Wrapped(u64::MAX)), 1)])), r#"{"18446744073709551615":1}"#);
    assert_eq!(written(&Entries(vec![(uuid::Uuid::nil(), 1)])), format!(r#"{{"{}":1}}"#, uuid::Uuid::nil()));
}

#[test]
fn every_shape_of_serde_is_written_as_serde_json_does() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct New(u8);
    #[derive(Serialize)]
    struct Pair(u8, char);
    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(u8),
        Tuple(u8, u8),
        Struct { a: u8 },
    }
    #[derive(Serialize)]
    struct All {
        a: (Unit, New, Pair, ()),
        b: [Shape; 4],
        c: (i8, i16, i32, i64, u8, u16, u32, u64),
        d: (f32, f64, bool, char, &'static str),
        e: (Option<u8>, Option<u8>),
        #[serde(with = "serde_bytes")]
        f: Vec<u8>,
        g: (i128, u128),
    }
    let all = All {
        a: (Unit, New(1), Pair(2, 'x'), ()),
        b: [Shape::Unit, Shape::New(1), Shape::Tuple(1, 2), Shape::Struct { a: 1 }],
        c: (-1, -2, -3, -4, 5, 6, 7, 8),
        d: (0.5, 2.5, true, '\u{1f600}', "text"),
        e: (None, Some(1)),
        f: vec![0, 255],
        g: (-9, 9),
    };
    assert_eq!(written(&all), serde_json::to_string(&all).unwrap());
    // A float of 32 bits is the double of the same value, as in `serde_json::Value`.
    assert_eq!(written(&0.1_f32), "0.10000000149011612");
    assert_eq!(written(&format_args!("a{}", "\"\n")), r#""a\"\n""#);
}

#[test]
fn the_wrappers_of_serde_json_are_known() {
    /// What `serde_json` writes when a host enables its features.
    struct Wrapper(&'static str, &'static str);
    impl Serialize for Wrapper {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut wrapper = serializer.serialize_struct(self.0, 1)?;
            wrapper.serialize_field(self.0, self.1)?;
            wrapper.end()
        }
    }
    let number = |literal| Wrapper("$serde_json::private::Number", literal);
    assert_eq!(written(&[number("1"), number("-0"), number("1E30"), number("0.50")]), "[1,0,1e+30,0.5]");
    assert_eq!(written(&BTreeMap::from([("a", number("7")), ("b", number("8"))])), r#"{"a":7,"b":8}"#);
    let error = refusal(to_vec(&[number("9007199254740993")]));
    assert_eq!(error, (ErrorKind::Invalid, "/0".to_owned()));
    let error = refusal(to_vec(&[Wrapper("$serde_json::private::RawValue", "{ }")]));
    assert_eq!(error, (ErrorKind::Invalid, "/0".to_owned()));
}

#[test]
fn decoding_is_strict_and_typed() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Event {
        Applied { seq: u64, at: BTreeMap<String, f64> },
    }
    let at = BTreeMap::from([("2".to_owned(), 1.0), ("10".to_owned(), 0.5)]);
    let event = Event::Applied { seq: 7, at };
    let bytes = to_vec(&event).unwrap();
    assert_eq!(bytes, br#"{"at":{"10":0.5,"2":1},"kind":"Applied","seq":7}"#);
    assert_eq!(from_canonical_slice::<Event>(&bytes).unwrap(), event);

    let spelled = br#"{"kind": "Applied", "seq": 7.0, "at": {"2": 1e0, "10": 0.5}}"#;
    assert_eq!(from_slice::<Event>(spelled).unwrap(), event);
    assert_eq!(
        from_slice::<BTreeMap<u32, u8>>(br#"{"10": 1, "2": 2}"#).unwrap(),
        BTreeMap::from([(2, 2), (10, 1)])
    );
    let error = from_canonical_slice::<Event>(spelled).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("json")));
    assert!(error.to_string().ends_with("from byte 2 on"), "{error}");

    assert_eq!(refusal(from_slice::<Event>(b"[]")), (ErrorKind::Invalid, "json".to_owned()));
    assert_eq!(refusal(from_slice::<Event>(br#"{"kind":1,"kind":1}"#)).1, "/kind");
}

#[test]
fn only_its_own_canonical_form_is_canonical() {
    for text in [r#"{"a":1,"b":[]}"#, "1", "\"\u{e9}\"", "100000000000000000000", "1e+21", "-0.5"] {
        assert_eq!(written(&from_canonical_slice::<Value>(text.as_bytes()).unwrap()), text);
    }
    for text in
        [" 1", "1 ", "1.0", "-0", "1E21", "1e21", "{\"b\":1,\"a\":1}", r#""\u0041""#, r#""\/""#, "[1, 2]"]
    {
        assert!(from_canonical_slice::<Value>(text.as_bytes()).is_err(), "{text}");
    }
}

/// Names and texts near every border of the order and of the escapes.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range('a', 'd'),
        2 => prop::sample::select(vec!['\0', '\u{1f}', '"', '\\', '/', '\u{7f}', '\u{e9}', '\u{d7ff}', '\u{e000}',
            '\u{fb33}', '\u{ffff}', '\u{10000}', '\u{1f600}', '\u{10ffff}']),
        1 => any::<char>(),
    ];
    prop::collection::vec(character, 0..6).prop_map(String::from_iter)
}

fn number() -> impl Strategy<Value = Number> {
    let safe = i64::try_from(MAX_SAFE_INTEGER).unwrap();
    prop_oneof![
        (-safe..=safe).prop_map(Number::from),
        (-1000_i64..1000).prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        any::<i64>().prop_filter_map("finite", |value| Number::from_f64(value as f64)),
        (any::<i16>(), -30..30).prop_filter_map("finite", |(digits, exponent)| {
            Number::from_f64(f64::from(digits) * 10_f64.powi(exponent))
        }),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::hash_map(text(), inner, 0..8)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

proptest! {
    #[test]
    fn documents_are_written_as_the_peer_does(value in document()) {
        prop_assert_eq!(written(&value), serde_json_canonicalizer::to_string(&value).unwrap());
    }

    #[test]
    fn the_order_of_entries_does_not_matter(
        members in prop::collection::hash_map(text(), any::<u8>(), 0..20)
    ) {
        // A hash map iterates in arbitrary order.
        let unordered: HashMap<_, _> = members.clone();
        let ordered: BTreeMap<_, _> = members.into_iter().collect();
        prop_assert_eq!(to_vec(&unordered).unwrap(), to_vec(&ordered).unwrap());
    }

    #[test]
    fn names_are_ordered_by_utf16(left in text(), right in text()) {
        let utf16 = left.encode_utf16().cmp(right.encode_utf16());
        prop_assert_eq!(compare_utf16(left.as_bytes(), right.as_bytes()), utf16);
    }

    #[test]
    fn what_is_written_is_read_and_is_its_own_form(value in document()) {
        let bytes = to_vec(&value).unwrap();
        let read: Value = from_canonical_slice(&bytes).unwrap();
        prop_assert_eq!(parse(&serde_json::to_vec_pretty(&value).unwrap()).ok(), Some(read));
    }

    #[test]
    fn damaged_texts_are_read_as_the_peer_does_or_refused(
        value in document(), at in any::<prop::sample::Index>(), byte in any::<u8>(), remove in any::<bool>()
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        let at = at.index(bytes.len());
        if remove { bytes.remove(at); } else { bytes[at] = byte; }
        match (parse(&bytes), serde_json::from_slice::<Value>(&bytes)) {
            (Ok(ours), peer) => {
                let peer = peer.unwrap();
                prop_assert_eq!(written(&ours), serde_json_canonicalizer::to_string(&peer).unwrap());
            }
            (Err(error), _) => prop_assert!(error.field().is_some()),
        }
    }
}
