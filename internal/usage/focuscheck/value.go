package focuscheck

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// objectKeys returns the keys of a JSON object.
func objectKeys(s string) map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s), &o); err != nil {
		return nil
	}
	return o
}

// priceProperties are the properties of a price that FOCUS defines.
func priceProperties() []string {
	return []string{
		"CoreCount", "DiskMaxIops", "DiskSpace", "DiskType", "GpuCount", "InstanceSeries", "InstanceType", "MemorySize",
		"NetworkMaxIops", "NetworkMaxThroughput", "OperatingSystem", "Redundancy", "StorageClass",
	}
}

// subcategories are the service categories of FOCUS and what belongs to each,
// besides the Other of every one.
func subcategories() map[string][]string {
	return map[string][]string{
		"AI and Machine Learning":   {"AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing"},
		"Analytics":                 {"Analytics Platforms", "Business Intelligence", "Data Processing", "Search", "Streaming Analytics"},
		"Business Applications":     {"Productivity and Collaboration"},
		"Compute":                   {"Containers", "End User Computing", "Quantum Compute", "Serverless Compute", "Virtual Machines"},
		"Databases":                 {"Caching", "Data Warehouses", "Ledger Databases", "NoSQL Databases", "Relational Databases", "Time Series Databases"},
		"Developer Tools":           {"Developer Platforms", "Continuous Integration and Deployment", "Development Environments", "Source Code Management", "Quality Assurance"},
		"Identity":                  {"Identity and Access Management"},
		"Integration":               {"API Management", "Messaging", "Workflow Orchestration"},
		"Internet of Things":        {"IoT Analytics", "IoT Platforms"},
		"Management and Governance": {"Architecture", "Compliance", "Cost Management", "Data Governance", "Disaster Recovery", "Endpoint Management", "Observability", "Support"},
		"Media":                     {"Content Creation", "Gaming", "Media Streaming", "Mixed Reality"},
		"Migration":                 {"Data Migration", "Resource Migration"},
		"Mobile":                    {},
		"Multicloud":                {"Multicloud Integration"},
		"Networking":                {"Application Networking", "Content Delivery", "Network Connectivity", "Network Infrastructure", "Network Routing", "Network Security"},
		"Other":                     {},
		"Security":                  {"Secret Management", "Security Posture Management", "Threat Detection and Response"},
		"Storage":                   {"Backup Storage", "Block Storage", "File Storage", "Object Storage", "Storage Platforms"},
		"Web":                       {"Application Platforms"},
	}
}

func serviceCategories() []string { return slices.Sorted(maps.Keys(subcategories())) }

// parentCategories returns the category of every subcategory.
func parentCategories() map[string]string {
	parents := map[string]string{}
	for category, subs := range subcategories() {
		parents["Other ("+category+")"] = category
		for _, sub := range subs {
			parents[sub] = category
		}
	}
	return parents
}

// currencies are the codes of ISO 4217 that stand for money.
const currencies = ` AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
 CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
 ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
 MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS
 SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER
 ZAR ZMW ZWG ZWL `

func currencyCodes() map[string]bool {
	codes := map[string]bool{}
	for code := range strings.FieldsSeq(currencies) {
		codes[code] = true
	}
	return codes
}

func isCode(s string) bool {
	return len(s) == 3 && strings.ToUpper(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// The words of units that FOCUS spells out.
const (
	dataSizes = ` b B Kb Mb Gb Tb Pb Eb KB MB GB TB PB EB Kib Mib Gib Tib Pib Eib KiB MiB GiB TiB PiB EiB `
	times     = ` Year Month Day Hour Minute Second `
)

// isUnit reports whether s has one of the forms of units: "GB", "Seconds",
// "GB-Hours", "Requests/Day", "1000 Tokens" or "Units/3 Months".
func isUnit(s string) bool {
	if quantity, rest, ok := strings.Cut(s, " "); ok && allDigits(quantity) {
		s = rest
	}
	if first, interval, ok := strings.Cut(s, "/"); ok {
		if n, plural, several := strings.Cut(interval, " "); several {
			return isWords(first) && allDigits(n) && isTime(strings.TrimSuffix(plural, "s"))
		}
		return isWords(first) && isTime(interval)
	}
	if first, span, ok := strings.Cut(s, "-"); ok {
		return isWords(first) && strings.HasSuffix(span, "s") && isTime(strings.TrimSuffix(span, "s"))
	}
	return isWords(s)
}

func isTime(s string) bool {
	return s != "" && strings.Contains(times, " "+s+" ")
}

// isWords reports whether s is a unit by itself: a data size, or a noun with a
// capital. Times and sizes in another spelling are none.
func isWords(s string) bool {
	if s == "" || strings.ContainsAny(s, "-/") || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	if strings.Contains(dataSizes, " "+s+" ") || isTime(strings.TrimSuffix(s, "s")) {
		return true
	}
	lower := strings.ToLower(s)
	for _, wrong := range []string{"second", "minute", "hour", "month", "year", "byte", "bits"} {
		if strings.Contains(lower, wrong) {
			return false
		}
	}
	if strings.Contains(strings.ToLower(dataSizes), " "+lower+" ") {
		return false
	}
	return s[0] >= 'A' && s[0] <= 'Z' || strings.ContainsFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' })
}
