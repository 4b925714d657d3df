package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// traced makes a span of every request to h and sends the spans to the
// collector at base. stop sends those that are left. Without a collector it
// changes nothing.
func traced(ctx context.Context, base string, h http.Handler) (handler http.Handler, stop func(context.Context) error, err error) {
	if base == "" {
		return h, func(context.Context) error { return nil }, nil
	}
	endpoint, err := url.JoinPath(base, "v1", "traces")
	if err != nil {
		return nil, nil, fmt.Errorf("set up traces: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, nil, fmt.Errorf("set up traces to %s: %w", endpoint, err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithFromEnv(), resource.WithAttributes(
		attribute.String("service.name", "orgd"), attribute.String("service.version", release())))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("describe this process: %w", err), exporter.Shutdown(ctx))
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	handler = otelhttp.NewHandler(h, "orgd", otelhttp.WithTracerProvider(provider), otelhttp.WithPropagators(propagation.TraceContext{}))
	return handler, provider.Shutdown, nil
}

// release returns the version of this build.
func release() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
