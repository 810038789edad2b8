package suites
import ("testing";"context";"fmt";"time";"conform/suites/report";"conform/suites/target";"os")
func TestSmoke(t *testing.T){
 p:=Plan{}
 if a:=os.Getenv("SMOKE"); a!="" { x,err:=target.ParseAddress(a); if err!=nil {t.Fatal(err)}; p.Target=&x }
 p.Exec=os.Getenv("EXEC")
 b:=time.Now()
 r,err:=Run(context.Background(),p,Observer{Ready:func(r *report.Report,n int){fmt.Println(time.Since(b),r.Target,n)}})
 if err!=nil {t.Fatal(err)}
 fmt.Printf("%+v\n",r.Summary); fmt.Println(time.Since(b))
 for _,x:=range r.Results { if x.Verdict!="pass" || x.Attempts>1 { fmt.Println(x.ID,x.Verdict,x.Attempts); if x.Reason!=nil {fmt.Println("    ",x.Reason.Code,x.Reason.Message,"|",x.Reason.Sent,"|",x.Reason.Expected,"|",x.Reason.Received,"|",x.Reason.Hint)}}}
 fmt.Printf("%+v\n",r.Target)
}
