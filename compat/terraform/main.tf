# Every resource and data source of the Cloudflare provider for which orgd has
# the routes, in three steps: what `run` applies, plans and imports.
terraform {
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.22"
    }
  }
}

variable "word" {
  description = "A word that no other organization, account or token has in its name."
  type        = string
}

variable "step" {
  description = "1 creates, 2 changes everything that can be changed in place, 3 moves and removes."
  type        = number
}

locals {
  changed = var.step >= 2
  moved   = var.step >= 3
  profile = {
    business_address  = jsonencode({ line1 = "1 Pier Road", city = "Porto", country = "PT" })
    business_email    = "office@example.com"
    business_name     = local.changed ? "Blue Harbour" : "Harbour"
    business_phone    = "+351200000000"
    external_metadata = local.changed ? jsonencode({ department = "IT" }) : "{}"
  }
}

# A root, and an organization below it that step 3 moves, with the account in it.
resource "cloudflare_organization" "root" {
  name = local.changed ? "${var.word} root, renamed" : "${var.word} root"
}

resource "cloudflare_organization" "north" {
  name   = "${var.word} north"
  parent = { id = cloudflare_organization.root.id }
}

resource "cloudflare_organization" "team" {
  name   = local.changed ? "${var.word} team, renamed" : "${var.word} team"
  parent = { id = local.moved ? cloudflare_organization.north.id : cloudflare_organization.root.id }
}

# The two ways of managing a profile: a block, which step 3 removes, ...
resource "cloudflare_organization" "block" {
  name    = "${var.word} block"
  parent  = { id = cloudflare_organization.root.id }
  profile = local.moved ? null : local.profile
}

# ... and a resource beside an organization without one.
resource "cloudflare_organization" "beside" {
  name   = local.changed ? "${var.word} beside, renamed" : "${var.word} beside"
  parent = { id = cloudflare_organization.root.id }
}

resource "cloudflare_organization_profile" "beside" {
  organization_id   = cloudflare_organization.beside.id
  business_address  = local.profile.business_address
  business_email    = local.profile.business_email
  business_name     = local.profile.business_name
  business_phone    = local.profile.business_phone
  external_metadata = local.profile.external_metadata
}

# Accounts: in an organization, with settings from the start, outside any.
resource "cloudflare_account" "inside" {
  name = local.changed ? "${var.word} inside, renamed" : "${var.word} inside"
  unit = { id = cloudflare_organization.team.id }
}

resource "cloudflare_account" "guarded" {
  name = "${var.word} guarded"
  unit = { id = cloudflare_organization.team.id }
  settings = {
    abuse_contact_email = local.changed ? null : "abuse@example.com"
    enforce_twofactor   = local.changed
  }
}

resource "cloudflare_account" "loose" {
  name     = "${var.word} loose"
  type     = "enterprise"
  settings = local.changed ? { enforce_twofactor = true } : null
}

# A token of the user, limited to the organization of the team.
data "cloudflare_api_token_permission_groups_list" "all" {
  lifecycle {
    postcondition {
      condition     = length(self.result) > 5
      error_message = "There are too few permission groups."
    }
  }
}

data "cloudflare_api_token_permission_groups_list" "one" {
  name = "Account Settings Read"
  lifecycle {
    postcondition {
      condition     = self.result[*].name == tolist(["Account Settings Read"])
      error_message = "The filter by name does not filter."
    }
  }
}

locals {
  groups = { for group in data.cloudflare_api_token_permission_groups_list.all.result : group.name => group.id }
}

resource "cloudflare_api_token" "reader" {
  name       = local.changed ? "${var.word} reader, renamed" : "${var.word} reader"
  status     = local.changed ? "disabled" : null
  expires_on = local.changed ? null : "2099-01-01T00:00:00Z"
  policies = concat([{
    effect            = "allow"
    permission_groups = [{ id = local.groups["Organizations Read"] }, { id = local.groups["Account Settings Read"] }]
    resources = jsonencode({
      "com.cloudflare.api.organization.${cloudflare_organization.team.id}" = "*"
      "com.cloudflare.api.account.*"                                       = "*"
    })
    }], local.changed ? [] : [{
    effect            = "deny"
    permission_groups = [{ id = local.groups["Account Settings Write"] }]
    resources         = jsonencode({ "com.cloudflare.api.account.*" = "*" })
  }])
  condition = local.moved ? null : {
    request_ip = {
      in     = ["127.0.0.0/8", "::1/128"]
      not_in = ["10.0.0.0/8"]
    }
  }
}
