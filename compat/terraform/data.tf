# The data sources. Each says in a postcondition what it must have found.
data "cloudflare_organization" "by_id" {
  organization_id = cloudflare_organization.team.id
  lifecycle {
    postcondition {
      condition     = self.name == cloudflare_organization.team.name && self.parent.id == cloudflare_organization.team.parent.id
      error_message = "The organization is not that of the resource."
    }
    postcondition {
      condition     = self.meta.hierarchy_tags[0] == cloudflare_organization.root.id && reverse(self.meta.hierarchy_tags)[0] == self.id
      error_message = "The path does not lead from the root to the organization."
    }
    postcondition {
      condition     = self.meta.flags.sub_org_creation == "enabled"
      error_message = "A flag is missing."
    }
  }
}

data "cloudflare_organization" "by_name" {
  filter = {
    name = { starts_with = "${var.word} NORTH" }
  }
  lifecycle {
    postcondition {
      condition     = self.id == cloudflare_organization.north.id
      error_message = "The filter finds another organization."
    }
  }
  depends_on = [cloudflare_organization.north]
}

data "cloudflare_organizations" "contains" {
  name       = { contains = var.word }
  page_size  = 1000
  depends_on = [cloudflare_organization.team, cloudflare_organization.north, cloudflare_organization.block, cloudflare_organization.beside]
  lifecycle {
    postcondition {
      condition = toset(self.result[*].id) == toset([cloudflare_organization.root.id, cloudflare_organization.north.id,
      cloudflare_organization.team.id, cloudflare_organization.block.id, cloudflare_organization.beside.id])
      error_message = "The list has other organizations."
    }
  }
}

data "cloudflare_organizations" "ends_with" {
  name       = { ends_with = "${var.word} north" }
  depends_on = [cloudflare_organization.north]
  lifecycle {
    postcondition {
      condition     = self.result[*].id == tolist([cloudflare_organization.north.id])
      error_message = "The list has other organizations."
    }
  }
}

data "cloudflare_organizations" "by_id" {
  id        = [cloudflare_organization.north.id, cloudflare_organization.team.id]
  max_items = 5
  lifecycle {
    postcondition {
      condition     = toset(self.result[*].id) == toset([cloudflare_organization.north.id, cloudflare_organization.team.id])
      error_message = "The list has other organizations."
    }
  }
}

data "cloudflare_organizations" "containing_account" {
  containing = { account = cloudflare_account.inside.id }
  depends_on = [cloudflare_organization.team]
  lifecycle {
    postcondition {
      condition     = toset(self.result[*].id) == toset(data.cloudflare_organization.by_id.meta.hierarchy_tags)
      error_message = "The account is contained in other organizations."
    }
  }
}

data "cloudflare_organizations" "containing_organization" {
  containing = { organization = cloudflare_organization.north.id }
  lifecycle {
    postcondition {
      condition     = self.result[*].id == tolist([cloudflare_organization.root.id])
      error_message = "The organization is contained in other ones."
    }
  }
}

data "cloudflare_organization_profile" "beside" {
  organization_id = cloudflare_organization_profile.beside.organization_id
  depends_on      = [cloudflare_organization_profile.beside]
  lifecycle {
    postcondition {
      condition     = self.business_name == local.profile.business_name && self.business_address == local.profile.business_address
      error_message = "The profile is not that of the resource."
    }
  }
}

data "cloudflare_organization_profile" "block" {
  count           = local.moved ? 0 : 1
  organization_id = cloudflare_organization.block.id
  lifecycle {
    postcondition {
      condition     = self.external_metadata == local.profile.external_metadata
      error_message = "The profile is not that of the block."
    }
  }
}

data "cloudflare_account" "by_id" {
  account_id = cloudflare_account.inside.id
  lifecycle {
    postcondition {
      condition     = self.managed_by.parent_org_id == cloudflare_organization.team.id && self.managed_by.parent_org_name == cloudflare_organization.team.name
      error_message = "The account is in another organization."
    }
  }
}

data "cloudflare_account" "by_name" {
  filter     = { name = "${var.word} loose" }
  depends_on = [cloudflare_account.loose]
  lifecycle {
    postcondition {
      condition     = self.id == cloudflare_account.loose.id && self.type == "enterprise"
      error_message = "The filter finds another account."
    }
  }
}

data "cloudflare_accounts" "all" {
  max_items  = 1000
  depends_on = [cloudflare_account.inside, cloudflare_account.guarded, cloudflare_account.loose]
  lifecycle {
    postcondition {
      condition = toset([for a in self.result : a.id if startswith(a.name, var.word)]) == toset([
      cloudflare_account.inside.id, cloudflare_account.guarded.id, cloudflare_account.loose.id])
      error_message = "The pages have other accounts."
    }
  }
}

data "cloudflare_api_token" "reader" {
  token_id = cloudflare_api_token.reader.id
  lifecycle {
    postcondition {
      condition     = self.name == cloudflare_api_token.reader.name && self.status == cloudflare_api_token.reader.status
      error_message = "The token is not that of the resource."
    }
  }
}

data "cloudflare_api_tokens" "all" {
  direction  = "desc"
  depends_on = [cloudflare_api_token.reader]
  lifecycle {
    postcondition {
      condition     = self.result[0].id == cloudflare_api_token.reader.id
      error_message = "The newest token is another one."
    }
  }
}

data "cloudflare_user" "me" {
  lifecycle {
    postcondition {
      condition     = can(regex("@", self.email)) && length(self.id) == 32
      error_message = "The user is incomplete."
    }
  }
}

# What `run` imports, by the address of the resource.
output "imports" {
  value = {
    "cloudflare_organization.root"   = cloudflare_organization.root.id
    "cloudflare_organization.north"  = cloudflare_organization.north.id
    "cloudflare_organization.team"   = cloudflare_organization.team.id
    "cloudflare_organization.block"  = cloudflare_organization.block.id
    "cloudflare_organization.beside" = cloudflare_organization.beside.id
    "cloudflare_account.inside"      = cloudflare_account.inside.id
    "cloudflare_account.guarded"     = cloudflare_account.guarded.id
    "cloudflare_account.loose"       = cloudflare_account.loose.id
    "cloudflare_api_token.reader"    = cloudflare_api_token.reader.id
  }
}
