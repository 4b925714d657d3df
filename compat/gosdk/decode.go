package gosdk

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// field is the part of the SDK's JSON metadata that Deviations reads.
type field interface {
	IsNull() bool
	IsMissing() bool
	IsInvalid() bool
	Raw() string
}

// Deviations compares a value that the SDK has decoded with the SDK's own
// declaration of its type and returns one line for each difference: a required
// field missing, null where the type does not allow it, a value of another
// JSON type, an enum value that the SDK does not know, a key that it does not
// know and that extra does not allow. extra is asked with the name of the
// struct type and the key.
func Deviations(decoded any, extra func(typeName, key string) bool) []string {
	w := walker{extra: extra}
	w.value("$", reflect.ValueOf(decoded))
	slices.Sort(w.found)
	return w.found
}

type walker struct {
	extra func(typeName, key string) bool
	found []string
}

func (w *walker) report(path, format string, args ...any) {
	w.found = append(w.found, path+": "+fmt.Sprintf(format, args...))
}

func (w *walker) value(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			w.value(path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.value(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			w.value(fmt.Sprintf("%s.%v", path, key), v.MapIndex(key))
		}
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() {
			w.structure(path, v)
		}
	}
	w.enum(path, v)
}

// structure compares each declared field with the metadata that the SDK keeps
// in the field JSON of every struct it decodes.
func (w *walker) structure(path string, v reflect.Value) {
	meta := v.FieldByName("JSON")
	if !meta.IsValid() {
		return
	}
	for i := range v.NumField() {
		declared := v.Type().Field(i)
		name, _, _ := strings.Cut(declared.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		state, ok := meta.FieldByName(declared.Name).Interface().(field)
		if !ok {
			w.report(path, "the SDK has no metadata for %s", name)
			continue
		}
		if w.declared(path+"."+name, declared, state) {
			w.value(path+"."+name, v.Field(i))
		}
	}
	extras := meta.FieldByName("ExtraFields")
	for _, key := range extras.MapKeys() {
		if !w.extra(v.Type().Name(), key.String()) {
			w.report(path, "unknown key %q in %s", key, v.Type().Name())
		}
	}
}

// declared checks the state of one field and tells whether it has a value to
// descend into.
func (w *walker) declared(path string, f reflect.StructField, state field) bool {
	tags := strings.Split(f.Tag.Get("api"), ",")
	switch {
	case state.IsMissing():
		if slices.Contains(tags, "required") {
			w.report(path, "required, but missing")
		}
		return false
	case state.IsNull():
		if !slices.Contains(tags, "nullable") && f.Type.Kind() != reflect.Interface {
			w.report(path, "null, but not nullable")
		}
		return false
	case state.IsInvalid():
		w.report(path, "the SDK cannot decode %s into %s", state.Raw(), f.Type)
		return false
	}
	if want := jsonStart(f.Type); want != "" && !strings.ContainsAny(state.Raw()[:1], want) {
		w.report(path, "%s is not the JSON type of %s", state.Raw(), f.Type)
		return false
	}
	return true
}

// jsonStart returns the characters that a JSON value of the type can begin
// with. The SDK turns a number into a string without complaint, so its own
// verdict is not enough.
func jsonStart(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return `"`
	case reflect.Bool:
		return "tf"
	case reflect.Int64, reflect.Float64:
		return "-0123456789"
	case reflect.Slice:
		return "["
	case reflect.Map:
		return "{"
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return `"`
		}
		return "{"
	}
	return ""
}

func (w *walker) enum(path string, v reflect.Value) {
	if !v.IsValid() || !v.CanInterface() {
		return
	}
	if known, ok := v.Interface().(interface{ IsKnown() bool }); ok && !known.IsKnown() {
		w.report(path, "%v is not a known %s", v, v.Type())
	}
}
