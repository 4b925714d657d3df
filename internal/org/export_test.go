package org

import "time"

// HoldPushes lets transactions that count usage be as slow as they like.
func (s *Service) HoldPushes() { s.pushes.patience = time.Hour }

// WaitingPushes returns how many requests wait to be counted.
func (s *Service) WaitingPushes() int {
	s.pushes.mu.Lock()
	defer s.pushes.mu.Unlock()
	return len(s.pushes.waiting)
}
