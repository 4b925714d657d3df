// Package org is the domain: the tree of organizations, the accounts in it,
// members, profiles, users and their credentials, with every rule about them.
// It knows nothing of HTTP, SQL or JSON.
//
// An organization is a node of a tree. A root has no parent. An account is a
// leaf: it lies in at most one organization. A member is the membership of a
// user in an organization; its role reaches down to all descendants and their
// accounts. An account may have explicit members of its own. A profile is the
// business data of an organization or an account. A user owns credentials: one
// global API key and any number of API tokens.
//
// Words to use, in code, SQL and text: organization, sub-organization, root,
// parent, account, member, invitation, profile, user, token, key. Words to
// avoid: tenant (except in the path /user/tenants), team, group, workspace,
// project, customer.
//
// Every write goes through mutate: permission, rule, change and audit record
// in one transaction. Every rule is a pure function in rules.go with a
// "Rule:" comment that names its source.
package org
