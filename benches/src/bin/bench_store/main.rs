//! What the ground floor costs: canonical JSON, beside its peer.

mod canonical;

fn main() {
    canonical::run();
}
