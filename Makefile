# `make demo` shows what MythOS does; `make test` shows that it does all it promises. CONTRIBUTING.md says the rest.

.DEFAULT_GOAL := help
.PHONY: help demo test fmt lint fuzz bench-store bench-ritual bench-proof bench-stall bench-restart bench-guard model

DIRECTORY ?= .

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: ## Kills a working agent again and again, and shows that it survives (DIRECTORY=what it audits)
	@cargo run --release --locked --quiet --package mythos-examples --bin demo -- "$(DIRECTORY)"

test: ## Runs everything the project promises: Rust, Python, Node, docs, conformance, fuzzing, hosts
	@python3 tools/test.py $(STEPS)

fmt: ## Formats all sources
	@cargo fmt --all

lint: ## Lints all Rust sources
	@cargo clippy --workspace --all-targets -- -D warnings

fuzz: ## Fuzzes every decoder for SECONDS each (60)
	@fuzz/run.sh $${SECONDS_EACH:-60}

bench-store: ## Compares the SQLite store and canonical JSON with their peers
	@cargo run --release --locked --quiet --package mythos-benches --bin bench_store

bench-ritual: ## Compares checkpoint stores (MYTHOS_STATES=sets or MYTHOS_DATA=runs; benches/ritual/README.md)
	@tools/bench_ritual.sh $(ARGUMENTS)

bench-proof: ## Compares the codex log with other proof logs, and with what hashing costs (ARGUMENTS=DIRECTORY)
	@tools/bench_proof.sh $(ARGUMENTS)

bench-stall: ## Tells loops from progress in recorded sessions (MYTHOS_STATES=sets)
	@cargo run --release --locked --quiet --package mythos-benches --bin bench_stall

bench-restart: ## Compares the restart machine with an actor supervisor, and measures a storm
	@cargo run --release --locked --quiet --package mythos-benches --bin bench_restart

bench-guard: ## Compares the regression guard with cosines and a peer (MYTHOS_DATA=sets; ARGUMENTS="train --write" fits anew)
	@tools/bench_guard.sh $(ARGUMENTS)

model: ## Checks supervision exhaustively (MYTHOS_MODEL=large for what takes minutes)
	@cargo test --locked --quiet --package mythos-core --lib restart::supervision_tree::tests::model -- --nocapture --test-threads 1
