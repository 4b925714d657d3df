# Every target is at most three lines; what is longer lives in scripts/.
ARGS ?=

.PHONY: help dev build check ci test lint fmt openapi golden fuzz compat bench

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

dev: build ## start a server with demo data; ARGS='--listen :8080' adds flags
	@exec bin/orgd dev $(ARGS)

build: ## build bin/orgd
	@CGO_ENABLED=0 go build -trimpath -o bin/orgd ./cmd/orgd

check: ## everything that CI runs; installs what is missing
	@scripts/check

ci: ## check, with every test run anew
	@CI=true scripts/check

test: ## the Go tests, quickly: no race detector, cached results count
	@go test ./...

lint: ## formatting, vet, staticcheck and the API description
	@scripts/lint

fmt: ## format the Go files
	@git ls-files -co --exclude-standard '*.go' | xargs go tool -modfile=tools/go.mod gofumpt -w

openapi: ## lint the API description
	@scripts/openapi-lint

golden: ## rewrite the golden files of the wire scripts; the diff is the review
	@go test ./internal/api -run Wire -update

fuzz: ## run every fuzz target for FUZZTIME (20s)
	@scripts/fuzz

compat: ## run the official clients against a live server
	@cd compat && ./run

bench: ## measure, beside the baselines
	@cd bench && ./run -only abcdefghijklmno
