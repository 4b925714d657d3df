package demo

import (
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/org"
)

// how is the way by which somebody came to, or left, a membership.
type how uint8

const (
	added    how = iota // at once: active
	accepted            // an invitation: active
	invited             // and has not answered: pending
	rejected            // an invitation
	removed             // after having been active: canceled
)

// node is an organization of the demo.
type node struct {
	name     string
	profile  *org.Profile
	accounts []account
	members  []member
	children []node
}

type account struct {
	name    string
	kind    org.AccountType
	profile *org.Profile
	members []member
}

type member struct {
	email string
	role  auth.Role
	how   how
}

func administrator() org.NewUser {
	return org.NewUser{Email: "robin.ashford@halyard.example", FirstName: "Robin", LastName: "Ashford", TwoFactor: true}
}

// people are the users besides the administrator.
func people() []org.NewUser {
	return []org.NewUser{
		{Email: "mara.voss@halyard.example", FirstName: "Mara", LastName: "Voss", TwoFactor: true},
		{Email: "tomas.lindqvist@halyard.example", FirstName: "Tomas", LastName: "Lindqvist", TwoFactor: true},
		{Email: "ines.okafor@halyard.example", FirstName: "Ines", LastName: "Okafor"},
		{Email: "paul.bergeron@halyard.example", FirstName: "Paul", LastName: "Bergeron"},
		{Email: "yuki.tanabe@halyard.example", FirstName: "Yuki", LastName: "Tanabe", TwoFactor: true},
		{Email: "sofia.marchetti@halyard.example", FirstName: "Sofia", LastName: "Marchetti"},
		{Email: "carl.dunning@halyard.example", FirstName: "Carl", LastName: "Dunning"},
		{Email: "lena.hoff@halyard.example", FirstName: "Lena", LastName: "Hoff"},
		{Email: "jonas.weber@brightwater.example", FirstName: "Jonas", LastName: "Weber"},
		{Email: "adaeze.nwosu@copperridge.example", FirstName: "Adaeze", LastName: "Nwosu", TwoFactor: true},
		{Email: "noor.haddad@tidewater.example", FirstName: "Noor", LastName: "Haddad"},
		{Email: "priya.raman@freelance.example", FirstName: "Priya", LastName: "Raman"},
	}
}

// provider is the larger tree: 12 organizations on 3 levels, 40 accounts.
func provider() node {
	return node{
		name: "Halyard Managed Security",
		profile: &org.Profile{
			BusinessName: "Halyard Managed Security Ltd", BusinessEmail: "billing@halyard.example",
			BusinessPhone: "+44 20 7946 0100", BusinessAddress: "1 Mooring Lane, London", ExternalMetadata: `{"crm":"HMS-0001"}`,
		},
		accounts: accounts("Halyard SOC Tooling", "Halyard Corporate"),
		members: []member{
			{"mara.voss@halyard.example", auth.SuperAdministrator, accepted},
			{"tomas.lindqvist@halyard.example", auth.Administrator, accepted},
			{"ines.okafor@halyard.example", auth.AccountProvisioner, added},
			{"paul.bergeron@halyard.example", auth.Billing, added},
			{"yuki.tanabe@halyard.example", auth.AuditViewer, accepted},
			{"sofia.marchetti@halyard.example", auth.ReadOnly, added},
			{"oscar.vieira@halyard.example", auth.AccountProvisioner, invited},
			{"carl.dunning@halyard.example", auth.Billing, rejected},
			{"lena.hoff@halyard.example", auth.Administrator, removed},
		},
		children: []node{europe(), americas(), asiaPacific()},
	}
}

func europe() node {
	return node{
		name:     "Halyard Europe",
		accounts: accounts("Halyard Europe Shared Edge", "Halyard Europe Staging"),
		members:  []member{{"carl.dunning@halyard.example", auth.Administrator, accepted}},
		children: []node{
			{
				name: "Brightwater Logistics",
				profile: &org.Profile{
					BusinessName: "Brightwater Logistics GmbH", BusinessEmail: "it@brightwater.example", BusinessPhone: "+49 40 5550 0101",
					BusinessAddress: "Speicherweg 7, Hamburg", ExternalMetadata: `{"crm":"HMS-1004"}`,
				},
				accounts: brightwater(),
				members: []member{
					{"jonas.weber@brightwater.example", auth.SuperAdministrator, accepted},
					{"elif.demir@brightwater.example", auth.ReadOnly, invited},
				},
			},
			customer("Ostrava Steel Works", "Ostrava Production", "Ostrava Staging", "Ostrava Supplier Portal", "Ostrava Plant Telemetry"),
			customer("Lumen Valley Hospitals", "Lumen Patient Portal", "Lumen Staff Intranet", "Lumen Imaging", "Lumen Disaster Recovery"),
		},
	}
}

// brightwater shows what accounts may have: a profile, and members of their
// own.
func brightwater() []account {
	list := accounts("Brightwater Production", "Brightwater Staging", "Brightwater Driver App", "Brightwater Partner Portal")
	list[0].kind = org.Enterprise
	list[0].profile = &org.Profile{
		BusinessName: "Brightwater Logistics GmbH", BusinessEmail: "production@brightwater.example", BusinessPhone: "+49 40 5550 0199",
		BusinessAddress: "Speicherweg 7, Hamburg", ExternalMetadata: `{"cost_center":"4711"}`,
	}
	list[2].members = []member{
		{email: "priya.raman@freelance.example", role: auth.AccountSuperAdministrator},
		{email: "adaeze.nwosu@copperridge.example", role: auth.AccountReadOnly},
	}
	return list
}

func americas() node {
	return node{
		name:     "Halyard Americas",
		accounts: accounts("Halyard Americas Shared Edge", "Halyard Americas Staging"),
		members:  []member{{"ines.okafor@halyard.example", auth.Administrator, added}},
		children: []node{
			{
				name:     "Copper Ridge Credit Union",
				accounts: accounts("Copper Ridge Online Banking", "Copper Ridge Mobile API", "Copper Ridge Branch Network", "Copper Ridge Staging"),
				members:  []member{{"adaeze.nwosu@copperridge.example", auth.SuperAdministrator, added}},
			},
			customer("Meridian Freight", "Meridian Production", "Meridian Tracking", "Meridian Customs Desk", "Meridian Staging"),
			customer("Saltmarsh Media", "Saltmarsh News", "Saltmarsh Streaming", "Saltmarsh Ad Server", "Saltmarsh Archive"),
		},
	}
}

func asiaPacific() node {
	return node{
		name:     "Halyard Asia Pacific",
		accounts: accounts("Halyard Asia Pacific Shared Edge", "Halyard Asia Pacific Staging"),
		children: []node{
			customer("Kestrel Airways", "Kestrel Booking", "Kestrel Loyalty", "Kestrel Crew", "Kestrel Staging"),
			customer("Banksia Retail Group", "Banksia Shop", "Banksia Wholesale", "Banksia Point of Sale", "Banksia Staging"),
		},
	}
}

// retailer is the tree of one organization.
func retailer() node {
	return node{
		name: "Tidewater Outfitters",
		profile: &org.Profile{
			BusinessName: "Tidewater Outfitters Inc.", BusinessEmail: "web@tidewater.example", BusinessPhone: "+1 207 555 0142",
			BusinessAddress: "12 Wharf Street, Portland ME", ExternalMetadata: "",
		},
		accounts: accounts("Tidewater Web Shop", "Tidewater Warehouse", "Tidewater Campaigns"),
		members: []member{
			{"noor.haddad@tidewater.example", auth.SuperAdministrator, accepted},
			{"temp.clerk@tidewater.example", auth.Billing, invited},
		},
	}
}

// sandbox is an account outside any organization.
func sandbox() account {
	return account{
		name: "Robin's Sandbox", kind: org.Standard,
		members: []member{{email: "priya.raman@freelance.example", role: auth.AccountReadOnly}},
	}
}

func customer(name string, names ...string) node {
	return node{name: name, accounts: accounts(names...)}
}

func accounts(names ...string) []account {
	list := make([]account, len(names))
	for i, n := range names {
		list[i] = account{name: n, kind: org.Standard}
	}
	return list
}
