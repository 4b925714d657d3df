package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openAPIYAML []byte

var openAPIJSON = sync.OnceValues(func() ([]byte, error) {
	var document map[string]any
	if err := yaml.Unmarshal(openAPIYAML, &document); err != nil {
		return nil, fmt.Errorf("read the embedded OpenAPI document: %w", err)
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document as JSON: %w", err)
	}
	return body, nil
})

// OpenAPIJSON returns the OpenAPI document of both APIs as JSON. The bytes are
// shared by all callers and must not be changed.
func OpenAPIJSON() ([]byte, error) {
	return openAPIJSON()
}
