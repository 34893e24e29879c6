//! The bindings offer what the core offers: the public methods of every service, read from the core's sources, equal
//! those of the Python stubs and of the TypeScript sources.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each service and read model, and the directory or file that implements it.
const SERVICES: &[(&str, &str)] = &[
    ("Mythos", "mythos.rs"),
    ("RitualCompressionCache", "ritual"),
    ("StepJournal", "journal"),
    ("RitualCompressionView", "view"),
    ("CodexProofView", "view"),
    ("AssistantRestartView", "view"),
    ("CodexProofOfSymbolEngine", "codex"),
    ("CodexRegressionGuard", "regression"),
    ("CodexRegressionView", "view"),
    ("AssistantDeploymentAutoRestarter", "restart"),
    ("Supervisor", "restart"),
    ("HeartbeatMonitor", "restart"),
    ("SelfHealingProtocolEngine", "healing"),
    ("Healer", "healing"),
    ("SystemHealthRecoveryView", "view"),
    ("AnchorLog", "anchor"),
    ("SqliteStore", "store/sqlite"),
];

/// Methods that other languages spell another way.
const SPELLED_OTHERWISE: &[(&str, &str, &str)] = &[
    ("Mythos", "open_with", "the options are arguments of `open`"),
    ("Mythos", "with_codices", "the options are arguments of `open`"),
    ("Mythos", "with_rituals", "the options are arguments of `open`"),
    ("RitualCompressionCache", "latest_shared", "what `latest` is"),
    ("RitualCompressionCache", "save_shared", "what `save` is"),
    ("RitualCompressionView", "new", "the constructor"),
    ("CodexProofView", "new", "the constructor"),
    ("CodexRegressionView", "new", "the constructor"),
    ("SystemHealthRecoveryView", "new", "the constructor"),
    ("AssistantRestartView", "new", "the constructor"),
    ("HeartbeatMonitor", "new", "the constructor"),
    ("HeartbeatMonitor", "policy", "hosts know what they gave the constructor"),
    ("AnchorLog", "with_mac_key", "in Python an argument of `anchors`, in Node a method"),
    ("SqliteStore", "open", "in Python the constructor, in Node a static method"),
];

/// A method of each file that implements `RitualCompressionCache`.
const METHODS_OF_FILES: &[(&str, &str)] = &[
    ("compact", "compact"),
    ("copy", "copy"),
    ("curve", "statistics"),
    ("delete_assistant", "delete"),
    ("latest", "cache"),
    ("list", "listing"),
    ("prune", "prune"),
    ("save", "save"),
    ("scrub", "scrub"),
    ("set_retention", "retention"),
    ("train", "dictionaries"),
    ("verify", "verify"),
];

type Methods = BTreeMap<String, BTreeSet<String>>;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The sources at a path: a file, or all of a directory, where data may stand beside them.
fn sources(path: &Path) -> Vec<String> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let entries = entries.filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "rs"));
        return entries.flat_map(|path| sources(&path)).collect();
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return Vec::new();
    }
    vec![std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))]
}

/// The public methods of the services, from their `impl` blocks.
fn core_methods() -> Methods {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut methods = Methods::new();
    for (service, place) in SERVICES {
        for source in sources(&root.join(place)) {
            let found = public_methods(service, &source);
            methods.entry((*service).to_owned()).or_default().extend(found);
        }
    }
    for (service, method, _) in SPELLED_OTHERWISE {
        assert!(methods.get_mut(*service).unwrap().remove(*method), "{service}.{method} is gone");
    }
    methods
}

/// The public methods in the `impl` blocks of a service in one source.
fn public_methods(service: &str, source: &str) -> Vec<String> {
    let mut methods = Vec::new();
    for item in syn::parse_file(source).unwrap().items {
        let syn::Item::Impl(block) = item else { continue };
        let syn::Type::Path(of) = &*block.self_ty else { continue };
        if block.trait_.is_some() || !of.path.is_ident(service) {
            continue;
        }
        for item in block.items {
            if let syn::ImplItem::Fn(function) = item
                && matches!(function.vis, syn::Visibility::Public(_))
            {
                methods.push(function.sig.ident.to_string());
            }
        }
    }
    methods
}

/// The names that `method` finds in the lines below those in which `class` finds a service.
fn methods_of_classes(
    source: &str,
    class: impl Fn(&str) -> Option<&str>,
    method: impl Fn(&str) -> Option<String>,
) -> Methods {
    let services: BTreeSet<_> = SERVICES.iter().map(|(service, _)| *service).collect();
    let mut methods = Methods::new();
    let mut current: Option<String> = None;
    for line in source.lines() {
        if let Some(name) = class(line) {
            current = services.contains(name).then(|| name.to_owned());
        } else if let (Some(current), Some(name)) = (&current, method(line)) {
            methods.entry(current.clone()).or_default().insert(name);
        }
    }
    methods
}

fn identifier(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn python_methods() -> Methods {
    let method = |line: &str| {
        let name = identifier(line.strip_prefix("    def ")?);
        (!name.starts_with('_')).then(|| name.to_owned())
    };
    let source = read("mythos-py/python/mythos/_mythos.pyi");
    methods_of_classes(&source, |line| line.strip_prefix("class ").map(identifier), method)
}

fn snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut snake, c| {
        if c.is_uppercase() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        snake
    })
}

fn node_methods() -> Methods {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mythos-node/ts");
    let mut sources = String::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        sources.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        // A class does not go on in the next file.
        sources.push_str("\nexport class None {\n");
    }
    let method = |line: &str| {
        let rest =
            line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '*', '/', '#', '@', '}']))?;
        let rest = ["static ", "async ", "get "]
            .iter()
            .fold(rest, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
        let name = identifier(rest);
        let called = rest[name.len()..].starts_with(['(', '<']);
        // `over` wraps a native object; it is not exported to users' types.
        (called && !name.is_empty() && name != "constructor" && name != "over").then(|| snake_case(name))
    };
    methods_of_classes(&sources, |line| line.strip_prefix("export class ").map(identifier), method)
}

fn without_spelled_otherwise(mut methods: Methods) -> Methods {
    for (service, method, _) in SPELLED_OTHERWISE {
        if let Some(methods) = methods.get_mut(*service) {
            methods.remove(*method);
        }
    }
    methods
}

#[test]
fn the_core_has_methods() {
    let core = core_methods();
    assert!(core.values().map(BTreeSet::len).sum::<usize>() > 35, "the core's methods were found: {core:?}");
    let of_rituals = &core["RitualCompressionCache"];
    for (method, file) in METHODS_OF_FILES {
        assert!(of_rituals.contains(*method), "{method} of ritual/{file}.rs was not found: {of_rituals:?}");
    }
    assert!(core["RitualCompressionView"].contains("overview"));
}

#[test]
fn python_offers_what_the_core_offers() {
    let python = without_spelled_otherwise(python_methods());
    assert_eq!(python, core_methods(), "Python's stubs (left) and the core (right)");
}

#[test]
fn node_offers_what_the_core_offers() {
    let node = without_spelled_otherwise(node_methods());
    assert_eq!(node, core_methods(), "Node's types (left) and the core (right)");
}
