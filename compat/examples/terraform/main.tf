# A sub-organization with an account in it. Set CLOUDFLARE_BASE_URL and
# CLOUDFLARE_API_TOKEN, then: terraform init && terraform apply
terraform {
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.22"
    }
  }
}

variable "organization_id" {
  description = "The organization to create the team in; orgd dev prints one."
  type        = string
}

resource "cloudflare_organization" "team" {
  name   = "Team North"
  parent = { id = var.organization_id }
}

resource "cloudflare_account" "shop" {
  name = "Web shop"
  unit = { id = cloudflare_organization.team.id }
}

data "cloudflare_organizations" "teams" {
  name       = { contains = "Team" }
  depends_on = [cloudflare_organization.team]
}

output "team" {
  value = cloudflare_organization.team.id
}

output "teams" {
  value = data.cloudflare_organizations.teams.result[*].name
}
